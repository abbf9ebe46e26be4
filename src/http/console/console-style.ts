export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="#0f766e"/>
<path fill="#fff" d="M6 9h14v9h-8l-4 4v-4H6z"/>
<path fill="#99f6e4" d="M22 13h4v9h-2v3l-3-3h-7l2-2h6z"/>
</svg>
`

/** The style sheet of all pages of the console: light and dark, on a phone and on a desktop. */
export const consoleStyle = `:root {
  color-scheme: light dark;
  --ground: #eef1f3; --surface: #ffffff; --sunken: #f6f8f9; --line: #d5dbe0; --ink: #17212b; --soft: #55626f;
  --accent: #0f766e; --accent-ink: #ffffff; --accent-soft: #d9f0ec; --mine: #0f766e; --mine-ink: #ffffff;
  --theirs: #e7ebee; --bad: #b42318; --bad-soft: #fdebe9; --open: #8a5a00; --good: #0b6b4f;
  --shadow: 0 1px 2px rgb(16 32 48 / 8%), 0 12px 32px rgb(16 32 48 / 10%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1317; --surface: #171e24; --sunken: #11171c; --line: #2c3740; --ink: #e8edf1; --soft: #9fadb9;
    --accent: #2dd4bf; --accent-ink: #06231f; --accent-soft: #123430; --mine: #115e59; --mine-ink: #f0fdfa;
    --theirs: #26313a; --bad: #ff9b90; --bad-soft: #3a1a17; --open: #f0c063; --good: #6fd6b3;
    --shadow: 0 1px 2px rgb(0 0 0 / 40%), 0 12px 32px rgb(0 0 0 / 35%);
  }
}
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { height: 100%; }
body { margin: 0; min-height: 100%; background: var(--ground); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
a { color: var(--accent); }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; background: var(--sunken);
  border: 1px solid var(--line); border-radius: 5px; padding: .1em .35em; white-space: nowrap; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999px; top: 8px; z-index: 2; background: var(--surface); padding: 8px 12px; border-radius: 8px; }
.skip:focus { left: 8px; }
.hint { color: var(--soft); font-size: .9rem; }

button, input, select, textarea { font: inherit; color: inherit; }
button, ::file-selector-button { font: inherit; min-height: 42px; padding: 0 14px; border: 1px solid var(--line); border-radius: 10px;
  background: var(--surface); color: var(--ink); font-weight: 600; cursor: pointer; }
button:hover, ::file-selector-button:hover { border-color: var(--accent); }
button:disabled { opacity: .55; cursor: progress; }
button.primary { background: var(--accent); border-color: transparent; color: var(--accent-ink); }
button.primary:hover { filter: brightness(1.08); }
button.wide { width: 100%; }
::file-selector-button { min-height: 34px; margin-right: 10px; }
input:not([type=file]), select, textarea { width: 100%; min-height: 42px; padding: 8px 12px; border: 1px solid var(--line);
  border-radius: 10px; background: var(--sunken); }
input[type=file] { min-width: 0; flex: 1; font-size: .9rem; }
::placeholder { color: var(--soft); opacity: 1; }
.row { display: flex; gap: 8px; align-items: center; }

.tester { height: 100dvh; }
.app { height: 100%; display: flex; flex-direction: column; }
.top { display: flex; align-items: center; gap: 16px; padding: 10px 20px; background: var(--surface); border-bottom: 1px solid var(--line); }
.top h1 { display: flex; align-items: center; gap: 10px; font-size: 1.05rem; white-space: nowrap; min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.top h1 span { color: var(--soft); font-weight: 500; }
#backend-choice { display: flex; gap: 8px; align-items: center; font-size: .9rem; color: var(--soft); }
#backend-choice select { width: auto; min-height: 36px; padding: 4px 8px; color: var(--ink); }
#backend-choice button { min-height: 36px; }
.scripted #backend-choice button { display: none; }
.live { margin-left: auto; display: flex; align-items: center; gap: 8px; font-size: .85rem; color: var(--soft); white-space: nowrap; }
.live::before { content: ""; width: 9px; height: 9px; border-radius: 50%; background: var(--open); }
.live[data-live=yes]::before { background: #16a34a; }

main { flex: 1; min-height: 0; display: grid; grid-template: "list phone" minmax(0, 1fr) "meanings phone" auto / minmax(250px, 320px) 1fr; }
.sidebar { grid-area: list; min-height: 0; overflow-y: auto; padding: 16px; border-right: 1px solid var(--line); background: var(--surface);
  display: flex; flex-direction: column; gap: 12px; }
.card { display: flex; flex-direction: column; gap: 12px; padding-bottom: 16px; border-bottom: 1px solid var(--line); }
.card label { display: block; margin-bottom: 6px; color: var(--soft); font-size: .85rem; }
.sidebar h2 { font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; color: var(--soft); }
.conversations { display: flex; flex-direction: column; gap: 4px; }
.conversations a { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; padding: 9px 12px; border-radius: 10px;
  color: inherit; text-decoration: none; }
.conversations a:hover { background: var(--sunken); }
.conversations a[aria-current] { background: var(--accent-soft); }
.who, .last { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.who { font-weight: 600; font-variant-numeric: tabular-nums; }
.last { grid-column: 1 / -1; color: var(--soft); font-size: .88rem; min-height: 1.3em; }
.new { align-self: center; padding: 1px 8px; border-radius: 99px; background: var(--accent); color: var(--accent-ink); font-size: .78rem; font-weight: 700; }
.meanings { grid-area: meanings; max-height: 50dvh; overflow-y: auto; padding: 8px 16px; font-size: .88rem; color: var(--soft);
  background: var(--surface); border: solid var(--line); border-width: 1px 1px 0 0; }
.meanings summary, .upload summary { cursor: pointer; color: var(--soft); font-size: .88rem; padding: 6px 0; }
.meanings h3 { margin: 10px 0 4px; font-size: .85rem; color: var(--ink); }
.meanings dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 10px; }

.phone { grid-area: phone; min-width: 0; min-height: 0; display: grid; place-items: center; padding: 20px; }
.empty { max-width: 27rem; padding: 40px 32px; border: 2px dashed var(--line); border-radius: 30px; text-align: center; display: flex; flex-direction: column; gap: 14px; align-items: center; }
.empty h2 { font-size: 1.4rem; text-wrap: balance; }
.empty p { color: var(--soft); }
.device { width: min(100%, 27rem); height: min(100%, 52rem); display: flex; flex-direction: column; overflow: hidden;
  background: var(--surface); border: 1px solid var(--line); border-radius: 30px; box-shadow: var(--shadow); }
.device > header { padding: 16px 20px 12px; text-align: center; border-bottom: 1px solid var(--line); }
.device h2 { font-size: 1.1rem; font-variant-numeric: tabular-nums; overflow: hidden; text-overflow: ellipsis; outline-offset: 4px; }
.device header p { color: var(--soft); font-size: .82rem; }
.back { display: none; text-decoration: none; font-weight: 600; }
.log { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px; background: var(--sunken); }
.log:focus-visible { outline-offset: -3px; }
.log .hint { text-align: center; padding: 8px; }
#messages { display: flex; flex-direction: column; gap: 10px; }
.message { max-width: 84%; display: flex; flex-direction: column; }
.message[data-direction=in] { align-self: flex-end; align-items: flex-end; }
.message[data-direction=out] { align-self: flex-start; align-items: flex-start; }
.text { padding: 9px 14px; border-radius: 18px; white-space: pre-wrap; overflow-wrap: anywhere; max-width: 100%; }
.message[data-direction=in] .text { background: var(--mine); color: var(--mine-ink); border-bottom-right-radius: 5px; }
.message[data-direction=out] .text { background: var(--theirs); border-bottom-left-radius: 5px; }
.message[data-tone=bad] .text { box-shadow: inset 0 0 0 2px var(--bad); }
.about { padding: 3px 6px 0; font-size: .75rem; color: var(--soft); }
.state { font-size: .68rem; font-weight: 700; letter-spacing: .04em; margin-left: 4px; white-space: nowrap; }
.state[data-tone=good] { color: var(--good); }
.state[data-tone=open] { color: var(--open); }
.state[data-tone=bad] { color: var(--bad); }
.meanings .state { margin: 0; padding-top: 2px; }
.error { margin-top: 4px; padding: 6px 10px; border-radius: 10px; background: var(--bad-soft); color: var(--bad);
  font-size: .82rem; overflow-wrap: anywhere; }
.notice, .fault { padding: 0 18px; font-size: .88rem; }
.notice:not(:empty), .fault:not(:empty) { padding: 8px 18px; }
.notice { color: var(--good); }
.fault { color: var(--bad); background: var(--bad-soft); }
.write { display: flex; gap: 8px; align-items: flex-end; padding: 12px 14px 4px; border-top: 1px solid var(--line); }
.write textarea { flex: 1; min-width: 0; resize: none; max-height: 9rem; border-radius: 21px; line-height: 1.4; }
.write button { border-radius: 21px; }
.upload { padding: 0 20px 10px; }
.upload form { display: flex; flex-direction: column; gap: 8px; font-size: .88rem; color: var(--soft); padding-bottom: 6px; }

.refusal main { display: block; max-width: 36rem; margin: 12vh auto 0; padding: 28px; background: var(--surface);
  border: 1px solid var(--line); border-radius: 16px; box-shadow: var(--shadow); }
.refusal h1 { font-size: 1.4rem; }
.refusal p { margin-top: 12px; }

@media (max-width: 719px) {
  .top { padding: 8px 14px; }
  .top h1 { font-size: 1rem; flex: 0 1 auto; }
  .top h1 span, #backend-choice label { display: none; }
  main { grid-template: "list" minmax(0, 1fr) "meanings" auto / minmax(0, 1fr); }
  .app:not([data-identity=""]) main { display: block; }
  .sidebar, .meanings { border-right: 0; }
  .app:not([data-identity=""]) :is(.sidebar, .meanings) { display: none; }
  .app:not([data-identity=""]) .top { display: none; }
  .app[data-identity=""] .phone { display: none; }
  .phone { height: 100%; padding: 0; display: block; }
  .device { width: 100%; height: 100%; border: 0; border-radius: 0; box-shadow: none; }
  .device > header { display: grid; grid-template-columns: 1fr auto; gap: 0 12px; padding: 10px 14px; text-align: right; }
  .app[data-live=no] .device header p::after { content: " · not live"; }
  .back { display: block; grid-row: 1 / 3; align-self: center; justify-self: start; padding: 8px 0; }
  .refusal main { margin: 0; min-height: 100dvh; border: 0; border-radius: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  .message { animation: arrive .18s ease-out; }
  @keyframes arrive { from { opacity: 0; transform: translateY(6px); } }
}
@media (forced-colors: active) {
  .text, .conversations a[aria-current] { border: 1px solid; }
}
`
