import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { breakable, escapeHtml, html, plainText, shortText, trusted } from "./html.ts";

describe("a template", () => {
  test("escapes what stands in it, in text and in attributes, and leaves markup", () => {
    const name = "<b>\"O'Brien\" & co</b>";
    expect(html`<p title="${name}">${name}</p>`.toString()).toBe("<p title=\"&lt;b&gt;&quot;O&#39;Brien&quot; &amp; co&lt;/b&gt;\">&lt;b&gt;&quot;O&#39;Brien&quot; &amp; co&lt;/b&gt;</p>");
    expect(html`<ul>${[1, "<2>", html`<li>3</li>`, [trusted("<li>4</li>")]]}</ul>`.toString()).toBe("<ul>1&lt;2&gt;<li>3</li><li>4</li></ul>");
  });

  test("leaves out what is not there, and shows zero", () => {
    expect(html`[${null}${undefined}${false}${0}${""}]`.toString()).toBe("[0]");
  });

  test("never lets a text become markup", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("<", ">", "&", "\"", "'", "#", ";", "amp", "lt", "a", " ", "\0") }), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/u);
      }),
    );
  });
});

test("text of data is one line of visible characters", () => {
  expect(plainText("a\r\n\tb\0c\u202Ed\uD800e\u2028f\uFEFF")).toBe("a b\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFD");
  expect(plainText("名前 اسم 👩‍👩‍👧 é")).toBe("名前 اسم 👩‍👩‍👧 é");
});

test("a short text counts characters, not half ones", () => {
  expect(shortText("𝕌𝕟𝕚𝕔", 4)).toBe("𝕌𝕟𝕚𝕔");
  expect(shortText("𝕌𝕟𝕚𝕔𝕠", 4)).toBe("𝕌𝕟𝕚…");
});

test("a long name may be broken where it is made of parts", () => {
  expect(breakable("quality.week_gaps <x>").toString()).toBe("quality.<wbr>week_<wbr>gaps &lt;x&gt;");
});
