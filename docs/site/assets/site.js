// Wide tables scroll; who has no mouse scrolls them with the keyboard (WCAG 2.1.1).
for (const table of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset table:not([class])")) {
  table.tabIndex = 0;
}
