import { startBoard } from "./board.ts";
import { startCharts } from "./charts.ts";
import { startForms } from "./forms.ts";
import { startLive } from "./live.ts";
import { keepTimes } from "./times.ts";
import { startTheme } from "./theme.ts";
import { startOffers } from "./offers.ts";
import { startWhatIf } from "./what-if.ts";

startTheme();
startCharts();
startBoard();
startWhatIf();
startForms();
startOffers();
keepTimes();
startLive();
performance.mark("tidemark-interactive");
