// Wide tables and drawings scroll; who has no mouse scrolls them with the keyboard (WCAG 2.1.1).
for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset table:not([class]), .drawing .scrolls")) {
  wide.tabIndex = 0;
}

// A package that is pointed at shows what it imports and what imports it.
for (const drawing of document.querySelectorAll(".drawing.floors svg")) {
  const lines = [...drawing.querySelectorAll("path[data-from]")];
  const packages = [...drawing.querySelectorAll("g[data-name]")];
  for (const one of packages) {
    const { name } = one.dataset;
    const mark = (on) => () => {
      const near = lines.filter(({ dataset }) => dataset.from === name || dataset.to === name);
      const names = new Set(near.flatMap(({ dataset }) => [dataset.from, dataset.to]));
      near.forEach((line) => line.classList.toggle("on", on));
      packages.filter(({ dataset }) => names.has(dataset.name)).forEach((box) => box.classList.toggle("on", on));
    };
    one.addEventListener("pointerenter", mark(true));
    one.addEventListener("pointerleave", mark(false));
  }
}
