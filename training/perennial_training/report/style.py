"""How the page looks: on screens light and dark, and on paper."""

STYLE = """
:root { color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5c6878; --line: #e3e7ed;
  --now: #2f6fed; --then: #b6c0ce; --band: #2f6fed22; --good: #16835a; --bad: #c6312b;
  --warn: #a86507; --pale: #9aa6b5; --unripe: #8a97a81c; --tint-good: #e4f5ec;
  --tint-bad: #fdeae8; --tint-warn: #fdf1dc; --tint-none: #edf0f4; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #10151c; --card: #18202a; --ink: #e8edf3; --soft: #9aa8ba; --line: #2a3542;
  --now: #6fa0ff; --then: #536173; --band: #6fa0ff2b; --good: #4fc08d; --bad: #ff7b72;
  --warn: #e3a44a; --pale: #66758a; --unripe: #9fb0c514; --tint-good: #14342a;
  --tint-bad: #3d1f20; --tint-warn: #3a2c14; --tint-none: #222c38; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 940px; margin: 0 auto; padding: 36px 24px 64px; }
header { margin-bottom: 26px; }
.kind { color: var(--soft); font-size: 13px; letter-spacing: .02em; margin: 0 0 4px; }
h1 { font-size: 27px; line-height: 1.25; font-weight: 650; margin: 0 0 14px;
  letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 18px; font-weight: 650; margin: 40px 0 4px; }
h3 { font-size: 15px; font-weight: 650; margin: 0; overflow-wrap: anywhere; }
p { margin: 0 0 12px; } .lead { color: var(--soft); max-width: 70ch; }
.verdict { border-radius: 10px; padding: 14px 18px; font-size: 16px; margin: 0 0 18px;
  border-left: 5px solid; overflow-wrap: anywhere; }
.verdict.good { background: var(--tint-good); border-color: var(--good); }
.verdict.bad { background: var(--tint-bad); border-color: var(--bad); }
.verdict.warn { background: var(--tint-warn); border-color: var(--warn); }
.verdict.none { background: var(--tint-none); border-color: var(--pale); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 0; }
.facts div, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.facts div { padding: 11px 14px; }
.facts dt { color: var(--soft); font-size: 12.5px; }
.facts dd { margin: 1px 0 0; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
.card { padding: 16px 18px 12px; margin: 0 0 14px; break-inside: avoid; }
.head { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; margin-bottom: 8px; }
.head .value { margin-left: auto; font-variant-numeric: tabular-nums; }
.head strong { font-size: 17px; }
.tag { font-size: 12px; font-weight: 600; border-radius: 20px; padding: 2px 9px;
  white-space: nowrap; }
.tag.good { color: var(--good); background: var(--tint-good); }
.tag.bad { color: var(--bad); background: var(--tint-bad); }
.tag.warn { color: var(--warn); background: var(--tint-warn); }
.tag.none { color: var(--soft); background: var(--tint-none); }
.note { color: var(--soft); font-size: 13.5px; margin: 6px 0 2px; overflow-wrap: anywhere; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 14px; }
.pairs .card { margin: 0; min-width: 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 12.5px;
  padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: middle;
  overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; } th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
.draw { width: 160px; min-width: 120px; } td.when { white-space: nowrap; color: var(--soft); }
td.word { white-space: nowrap; }
.alarm { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--line); stroke-width: 1; }
.tick { fill: var(--soft); font-size: 11px; } .end { text-anchor: end; }
.mid { text-anchor: middle; } .start { text-anchor: start; }
.band { fill: var(--band); } .curve { fill: none; stroke: var(--now); stroke-width: 2;
  stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: var(--now); } .dot.pale { fill: var(--pale); } .dot.bad { fill: var(--bad); }
.unripe { fill: var(--unripe); }
.limit { stroke: var(--bad); stroke-width: 1.3; stroke-dasharray: 5 4; }
.limit-word { fill: var(--bad); font-size: 11px; }
.limit-word, .over { paint-order: stroke; stroke: var(--card); stroke-width: 4px;
  stroke-linejoin: round; }
.whisker { stroke: var(--now); stroke-width: 3; stroke-linecap: round; }
.bar, .now { fill: var(--now); } .then { fill: var(--then); }
.key { display: flex; gap: 16px; color: var(--soft); font-size: 13px; margin: 0 0 10px; }
.key span::before { content: ""; display: inline-block; width: 11px; height: 11px;
  border-radius: 3px; margin-right: 6px; vertical-align: -1px; background: var(--then); }
.key span.live::before { background: var(--now); }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 13px; }
/* A drawing shrinks with the screen, and its words with it: so they are larger in it. */
@media (max-width: 640px) { main { padding: 22px 14px 40px; } h1 { font-size: 22px; }
  svg { overflow: visible; } .card > svg .tick, .card > svg .limit-word { font-size: 18px; }
  .card > svg .limit, .curve { stroke-width: 2.6; } .pairs .card > svg .tick { font-size: 9px; }
  .card > svg .wider, .told thead, .draw { display: none; }
  .table td:first-child { min-width: 110px; }
  .told tr { display: block; padding: 7px 0; border-bottom: 1px solid var(--line); }
  .told tr:last-child { border-bottom: 0; }
  .told td { display: inline-block; padding: 0 12px 0 0; border: 0; }
  .told td:last-child { display: block; } }
@media (max-width: 440px) { .card > svg .tick, .card > svg .limit-word { font-size: 21px; } }
@media print { :root { --ground: #fff; --card: #fff; } body { font-size: 12px; }
  main { max-width: none; padding: 0; } .card { border-color: #ccc; }
  details > summary { display: none; } }
"""
