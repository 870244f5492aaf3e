/** Elements that a report may have. Any other, such as one that a name smuggled in, is a fault. */
const elements: ReadonlySet<string> = new Set(
  "html head meta title style body a nav ol ul li main header footer section h1 h2 p span strong code time dl div dt dd table caption thead tbody tr th td figure figcaption details summary wbr svg path rect line circle polygon text g".split(" "),
);
const empty: ReadonlySet<string> = new Set(["meta", "wbr"]);
/** Attributes that it may have: none that runs, fetches or styles. */
const attributes: ReadonlySet<string> = new Set(
  "lang charset http-equiv content name class id href role tabindex scope aria-label aria-labelledby aria-hidden viewBox xmlns d x y width height fill fill-opacity stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit paint-order transform font-size font-weight dominant-baseline text-anchor opacity x1 y1 x2 y2 cx cy r points".split(" "),
);
const tag = /<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z-]+="[^"<>]*")*) ?(\/?)>/uy;
const entity = /&(?!(?:amp|lt|gt|quot|#39|nbsp);)/u;

/**
 * A strict reading of a page that is written as if it were XML: every element closed in its order, every attribute quoted, every ampersand an entity, identifiers
 * unique and referred to. Stricter than any browser. Returns what is wrong.
 */
export function markupFaults(page: string): string[] {
  const faults: string[] = [];
  const open: string[] = [];
  const ids = new Map<string, number>();
  const references: string[] = [];
  const text = (found: string): void => {
    if (entity.test(found)) faults.push(`an ampersand that is none: ${found.slice(0, 80)}`);
    if (found.trim() !== "" && open.length === 0) faults.push(`text outside: ${found.slice(0, 80)}`);
  };
  if (!page.startsWith("<!DOCTYPE html>\n")) faults.push("no doctype");
  let at = page.indexOf("\n");
  while (at < page.length) {
    const next = page.indexOf("<", at);
    text(page.slice(at, next < 0 ? page.length : next));
    if (next < 0) break;
    tag.lastIndex = next;
    const found = tag.exec(page);
    if (found === null) return [...faults, `no tag: ${page.slice(next, next + 120)}`];
    at = tag.lastIndex;
    const [, closing, name = "", given = "", closed] = found;
    if (!elements.has(name)) faults.push(`element ${name}`);
    if (closing === "/") {
      const opened = open.pop();
      if (opened !== name) return [...faults, `</${name}> closes ${opened}: ${page.slice(next - 120, next + 20)}`];
      continue;
    }
    const seen = new Set<string>();
    for (const [, key = "", value = ""] of given.matchAll(/ ([a-zA-Z-]+)="([^"]*)"/gu)) {
      if (!attributes.has(key) || seen.has(key)) faults.push(`attribute ${key} of ${name}`);
      seen.add(key);
      if (entity.test(value)) faults.push(`an ampersand that is none in ${key}: ${value}`);
      if (key === "id") ids.set(value, (ids.get(value) ?? 0) + 1);
      if (key === "href" || key === "aria-labelledby") references.push(value.replace(/^#/u, ""));
    }
    if (name === "style") {
      at = page.indexOf("</style>", at);
      if (at < 0) return [...faults, "style without an end"];
    }
    if (closed !== "/" && !empty.has(name)) open.push(name);
  }
  if (open.length > 0) faults.push(`left open: ${open.join(" ")}`);
  for (const [id, count] of ids) if (count > 1) faults.push(`${count} elements are ${id}`);
  for (const id of references) if (!ids.has(id)) faults.push(`nothing is ${id}`);
  return [...new Set(faults)];
}
