/** The style sheet of the page that describes the API. */
export const docsStyle = `:root { color-scheme: light dark;
  --ground: #ffffff; --sunken: #f3f5f7; --line: #d5dbe0; --ink: #17212b; --soft: #55626f; --accent: #0f766e; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #12181d; --sunken: #1b242b; --line: #2c3740; --ink: #e8edf1; --soft: #9fadb9; --accent: #2dd4bf; } }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 0 0 4px; }
section { border-top: 1px solid var(--line); padding: 24px 0 8px; }
a { color: var(--accent); } :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; background: var(--sunken);
  border-radius: 4px; padding: .1em .3em; overflow-wrap: anywhere; }
pre { background: var(--sunken); padding: 12px; border-radius: 8px; overflow-x: auto; }
pre code { padding: 0; overflow-wrap: normal; }
table { border-collapse: collapse; width: 100%; margin: 12px 0; }
caption { text-align: left; color: var(--soft); } td { border-top: 1px solid var(--line); padding: 6px 12px 6px 0; vertical-align: top; }
details { margin: 6px 0; } summary { cursor: pointer; }
`
