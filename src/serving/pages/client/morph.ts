import { Idiomorph } from "idiomorph";
import { drawChart } from "./charts.ts";
import { tellTimes } from "./times.ts";
import { tellWhatIfs } from "./what-if.ts";

/** What the browser's own scripts fill, and an update leaves as it is. */
const OWN = "[data-board], [data-board-count], [data-what-if], [data-readout], [data-outcome], [data-dialog], time[data-ago], [data-offer], form[data-form]:not([data-follows])";

/** Texts of the figures as they were shown last. */
const shown = new WeakMap<Element, string>();

/** Notes the figures of a page that the browser has loaded, so that the first update can tell which of them changed. */
export function remember(main: HTMLElement): void {
  for (const element of main.querySelectorAll<HTMLElement>("[data-value]")) shown.set(element, element.textContent);
}

/** Puts what changed into what is there, so that focus, scroll, opened parts and charts stay. */
export function morph(main: HTMLElement, html: string): void {
  Idiomorph.morph(main, html, {
    morphStyle: "innerHTML",
    ignoreActiveValue: true,
    callbacks: {
      beforeNodeMorphed: (old, fresh) => {
        if (!(old instanceof Element) || !(fresh instanceof Element)) return true;
        if (old instanceof HTMLElement && fresh instanceof HTMLElement && old.dataset["chart"] !== undefined) {
          if (fresh.dataset["chart"] !== undefined && old.dataset["chart"] !== fresh.dataset["chart"]) {
            old.dataset["chart"] = fresh.dataset["chart"];
            drawChart(old);
          }
          return false;
        }
        if (old.matches("time[data-ago]")) {
          const time = fresh.getAttribute("datetime");
          if (time !== null) old.setAttribute("datetime", time);
          return false;
        }
        return !old.matches(OWN);
      },
      // An opened part stays open, and what somebody has written stays written.
      beforeAttributeUpdated: (name, element) => !(name === "open" && element instanceof HTMLDetailsElement) && !(name === "value" && element instanceof HTMLInputElement && element.value !== element.defaultValue),
      afterNodeMorphed: (old) => {
        if (!(old instanceof HTMLElement) || !("value" in old.dataset)) return;
        const before = shown.get(old);
        shown.set(old, old.textContent);
        if (before !== undefined && before !== old.textContent) {
          old.classList.remove("told");
          // Read, so that the animation begins anew.
          void old.offsetWidth;
          old.classList.add("told");
        }
      },
    },
  });
  for (const plot of main.querySelectorAll<HTMLElement>("[data-chart]:not([data-drawn])")) drawChart(plot);
  tellTimes();
  tellWhatIfs();
}
