/** Markup that goes into a page as it is. Only `html` and `trusted` make it. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template; null, undefined and false leave nothing, an array its items one after the other. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/**
 * Text from data as one line of visible characters: what would end it, hide it or turn the text around it (controls, half surrogates, direction
 * overrides) becomes U+FFFD.
 */
export function plainText(text: string): string {
  return text.replaceAll(/[\t\n\r]+/g, " ").replaceAll(/[\p{Cc}\p{Cs}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu, "\uFFFD");
}

/** At most so many characters, the last one an ellipsis when something is left out. */
export function shortText(text: string, characters_max: number): string {
  const characters = [...plainText(text)];
  return characters.length <= characters_max ? characters.join("") : `${characters.slice(0, characters_max - 1).join("")}…`;
}

export function escapeHtml(text: string): string {
  return plainText(text).replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** A long name that may be broken after its dots, dashes and underscores. */
export function breakable(name: string): Html {
  return new Html(escapeHtml(name).replaceAll(/[._-](?=\w)/g, "$&<wbr>"));
}

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return "";
  if (content instanceof Html) return content.toString();
  if (Array.isArray(content)) return (content as readonly Content[]).map(render).join("");
  return escapeHtml(String(content));
}

/** A template whose values are escaped, unless they are markup already: safe as text and inside quoted attributes. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.reduce((text, part, i) => text + render(values[i - 1]) + part));
}

/** Markup that somebody else has escaped, such as a chart. */
export function trusted(text: string): Html {
  return new Html(text);
}
