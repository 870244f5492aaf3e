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

startTheme();
startCharts();
startBoard();
startWhatIf();
startForms();
startDialogs();
// Before the forms, which tell of their documents as they begin.
startPower();
startDocumentForms();
startOffers();
keepTimes();
startLive();
performance.mark("tidemark-interactive");
