import { redrawCharts } from "./charts.ts";

const themes = ["auto", "light", "dark"] as const;
type Theme = (typeof themes)[number];
const words: Readonly<Record<Theme, string>> = { auto: "follow the system", light: "light", dark: "dark" };
const YEAR_S = 31_536_000;

function current(): Theme {
  return themes.find((theme) => theme === document.documentElement.dataset["theme"]) ?? "auto";
}

/** The button goes through system, light and dark; a cookie keeps the choice, so that the server's next page has it from its first paint. */
export function startTheme(): void {
  const button = document.querySelector("[data-theme-button]");
  if (!(button instanceof HTMLButtonElement)) return;
  const tell = (): void => button.setAttribute("aria-label", `Colours: ${words[current()]}`);
  tell();
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(current()) + 1) % themes.length] ?? "auto";
    document.documentElement.dataset["theme"] = next;
    document.cookie = `tidemark_theme=${next};path=/;max-age=${YEAR_S};samesite=strict`;
    tell();
    redrawCharts();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);
}
