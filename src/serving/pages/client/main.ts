import { startBoard } from "./board.ts";
import { startCharts } from "./charts.ts";
import { startDialogs } from "./dialogs.ts";
import { startDocumentForms } from "./document-form.ts";
import { startForms } from "./forms.ts";
import { startLive } from "./live.ts";
import { keepTimes } from "./times.ts";
import { startPower } from "./power.ts";
import { startTheme } from "./theme.ts";
import { startOffers } from "./offers.ts";
import { startWhatIf } from "./what-if.ts";

/** Frames of a tab that is not looked at never come. */
const PAINT_MAX_MS = 200;

function start(): void {
  startTheme();
  startForms();
  startDialogs();
  // Before the forms of documents, which tell of them as they begin.
  startPower();
  startDocumentForms();
  startOffers();
  startBoard();
  startWhatIf();
  startCharts();
  keepTimes();
  startLive();
  performance.mark("tidemark-interactive");
}

/** Once what the page says has been painted: drawing charts before that would keep it from being read. */
let started = false;
function once(): void {
  if (!started) start();
  started = true;
}
requestAnimationFrame(() => setTimeout(once));
setTimeout(once, PAINT_MAX_MS);
