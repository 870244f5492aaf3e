/** Light unless the reader prefers dark; paper is always light. Charts take their colours from here. */
const colours = `
:root{color-scheme:light dark;--paper:#fcfcfb;--raised:#fff;--ink:#1d2125;--muted:#59626c;--line:#dde1e5;--faint:#8a949e;--blue:#0072b2;--orange:#d9660a;--green:#007a58;--warm:#ec9350;--cool:#5aa9dd;--amber:#8f4600;--pine:#00664a;--red:#b3261e;--good:#e3f3ec;--bad:#fbe6e3;--warn:#fdf0da;--plain:#eaeef2;--chosen:#eaf3fa}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15181c;--raised:#1c2026;--ink:#e9ecef;--muted:#a0a9b3;--line:#333a42;--faint:#66707b;--blue:#5fb4ea;--orange:#f0923f;--green:#3fc49a;--warm:#9c5217;--cool:#1f6ea6;--amber:#f5b26b;--pine:#5fd6b0;--red:#ff9a8f;--good:#163528;--bad:#43201d;--warn:#3d2f14;--plain:#262c33;--chosen:#1c3143}}
`;

const page = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0 auto;max-width:84rem;padding:0 1.25rem 3rem;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.9em;overflow-wrap:anywhere}
p{max-width:48rem;margin:.6rem 0}
a{color:var(--blue)}
:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
.skip{position:absolute;left:-100rem}
.skip:focus{left:1rem;top:.5rem;background:var(--raised);padding:.4rem .8rem;z-index:1}
h1{font-size:clamp(1.45rem,1.1rem + 1.6vw,2.1rem);line-height:1.2;margin:.2rem 0 .8rem;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.35rem;line-height:1.25;margin:0 0 .6rem;padding-top:1.4rem;border-top:1px solid var(--line)}
main>section{margin-top:2.4rem;scroll-margin-top:.5rem}
footer{margin-top:3rem;border-top:1px solid var(--line);color:var(--muted);font-size:.85rem;overflow-wrap:anywhere}
nav ol{list-style:none;margin:0;padding:0;font-size:.9rem}
nav a{display:block;padding:.18rem .7rem;color:var(--muted);text-decoration:none;border-left:2px solid var(--line)}
nav a:hover{color:var(--ink);border-color:var(--blue)}
nav .missing a{font-style:italic;border-left-style:dashed}nav .missing a::after{content:" ○"}
@media (min-width:70rem){body{display:grid;grid-template-columns:10.5rem minmax(0,1fr);column-gap:2.5rem}nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:1.8rem 0 1rem}footer{grid-column:2}}
@media (max-width:69.99rem){nav ol{display:flex;flex-wrap:wrap;gap:.15rem .2rem;padding-top:1rem}nav a{border-left:0;padding:.1rem .5rem;border-radius:1rem;background:var(--plain)}}
@media (max-width:34rem){body{padding:0 .9rem 2rem}main>section{margin-top:1.8rem}}
`;

const verdict = `
.hero{margin-top:1.6rem;padding:1.4rem 1.5rem 1.5rem;border-radius:.8rem;background:var(--plain);border-left:.45rem solid var(--muted)}
.hero.good{background:var(--good);border-color:var(--green)}
.hero.bad{background:var(--bad);border-color:var(--red)}
.hero.busy{background:var(--chosen);border-color:var(--blue)}
.kicker{margin:0;color:var(--muted);font-size:.85rem;letter-spacing:.03em}
.mark{display:inline-block;min-width:1.2em;margin-right:.15em;font-weight:700}
.good .mark{color:var(--pine)}.bad .mark{color:var(--red)}
.why{overflow-wrap:anywhere}
time{white-space:nowrap}
@media (max-width:34rem){.hero{padding:1rem}.tiles{grid-template-columns:1fr 1fr;gap:.5rem}}
.gains{margin:.6rem 0;padding:0;list-style:none}
.run{color:var(--muted);font-size:.85rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13.5rem),1fr));gap:.7rem;margin:1.1rem 0 0}
.tiles div{background:var(--raised);border-radius:.5rem;padding:.65rem .85rem}
dt{color:var(--muted);font-size:.82rem}
dd{margin:0}
.tiles strong{display:block;font-size:1.25rem;line-height:1.35;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tiles span{display:block;color:var(--muted);font-size:.8rem;line-height:1.35}
.reason{border-left:3px solid var(--line);padding-left:.8rem;overflow-wrap:anywhere}
.reason span{display:block;color:var(--muted);font-size:.82rem}
.badge{display:inline-block;white-space:nowrap;padding:0 .5rem;border-radius:1rem;font-size:.8rem;line-height:1.5;background:var(--plain)}
.badge.ok,.badge.done{background:var(--good);color:var(--pine)}
.badge.warn{background:var(--warn);color:var(--amber)}
.badge.fail,.badge.failed{background:var(--bad);color:var(--red)}
.badge.chosen{background:var(--blue);color:var(--paper)}
.attention{color:var(--amber)}
.absent{border:1px dashed var(--muted);border-radius:.5rem;padding:.9rem 1.1rem;color:var(--muted)}
.absent-mark{font-size:1.2em;margin-right:.2em}
.note,.notes{color:var(--muted);font-size:.88rem}
`;

const tables = `
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;width:100%;font-size:.88rem;line-height:1.4;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);font-size:.85rem;padding:0 0 .35rem}
th,td{text-align:left;vertical-align:top;padding:.36rem .7rem .36rem 0;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:.2rem}
thead th{color:var(--muted);font-weight:600;font-size:.82rem;vertical-align:bottom;border-bottom:1.5px solid var(--muted)}
tbody th{font-weight:600;min-width:8rem;max-width:22rem;overflow-wrap:anywhere}
td{max-width:34rem;overflow-wrap:break-word}
.number{text-align:right;white-space:nowrap}
tr.chosen>*{background:var(--chosen)}
tr.total>*{border-top:1.5px solid var(--muted);font-weight:600}
.aside{color:var(--muted)}
.type{white-space:nowrap}.type.elastic{color:var(--amber)}.type.unit{color:var(--blue)}.type.inelastic{color:var(--pine)}.type.not-identified{color:var(--muted)}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:.8rem 0}
.facts dd{font-size:.88rem;max-width:16rem}
.facts strong{display:block;font-size:1.15rem}
.glossary,.lineage{font-size:.88rem;display:grid;gap:.3rem;margin:1rem 0}
.glossary div,.lineage div{display:grid;grid-template-columns:8rem minmax(0,1fr);gap:.8rem}
.lineage dd{overflow-wrap:anywhere}
`;

const charts = `
.figures{display:grid;gap:1.2rem 1.4rem;margin:1rem 0}
.figures.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,18.5rem),1fr))}
.figures.medium{grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr))}
.figures.wide{grid-template-columns:minmax(0,46rem);overflow-x:auto}
.figures.wide .chart{min-width:34rem}
figure{margin:0;padding:.85rem .9rem .7rem;background:var(--raised);border:1px solid var(--line);border-radius:.6rem;display:flex;flex-direction:column;min-width:0}
figcaption{font-size:.84rem;line-height:1.4;margin-bottom:.5rem;flex:1 0 auto;overflow-wrap:anywhere}
figcaption strong{font-size:.95rem}
figcaption .unit{color:var(--muted)}
.look{display:block;margin-top:.15rem}
.chart{display:block;width:100%;height:auto;overflow:visible;font-family:inherit}
.chart text{font-variant-numeric:tabular-nums}
details{margin-top:.4rem;font-size:.84rem}
summary{cursor:pointer;color:var(--muted)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.7rem 0;padding:0;font-size:.85rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.swatch{display:inline-block;width:1.15rem;height:.75rem;flex:none;color:var(--muted)}
.swatch.blue{color:var(--blue)}.swatch.orange{color:var(--orange)}.swatch.green{color:var(--green)}.swatch.ink{color:var(--ink)}
.swatch.area{background:currentColor;opacity:.75}
.swatch.line{height:0;border-top:3px solid currentColor}
.swatch.dotted{height:0;border-top:3px dotted currentColor}
.swatch.shade{background:currentColor;opacity:.18}.swatch.shade-dark{background:currentColor;opacity:.4}.swatch.faint{color:var(--faint)}.swatch.warm{color:var(--warm)}.swatch.cool{color:var(--cool)}
.swatch.band{border-top:2px solid currentColor;position:relative;height:.7rem;background:color-mix(in srgb,currentColor 20%,transparent)}
.swatch.dot{width:.6rem;height:.6rem;border-radius:50%;background:currentColor}
.swatch.hollow{width:.65rem;height:.65rem;border-radius:50%;border:2px dashed currentColor}
.swatch.diamond{width:.6rem;height:.6rem;background:currentColor;transform:rotate(45deg)}
`;

const print = `
@media print{body{max-width:none;padding:0;font-size:11pt}nav,.skip{display:none}figure,tr,.hero{break-inside:avoid}h2,.legend,section>p{break-after:avoid}.scroll{overflow:visible}.figures.small{grid-template-columns:repeat(3,1fr)}.figures.medium{grid-template-columns:repeat(2,1fr)}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;

export const styleSheet = colours + page + verdict + tables + charts + print;
