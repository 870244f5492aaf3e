import { startBoard } from "./board.ts";
import { startCharts } from "./charts.ts";
import { startForms } from "./forms.ts";
import { startLive } from "./live.ts";
import { keepTimes } from "./times.ts";
import { startTheme } from "./theme.ts";
import { startWhatIf } from "./what-if.ts";

startTheme();
startCharts();
startBoard();
startWhatIf();
startForms();
keepTimes();
startLive();
performance.mark("tidemark-interactive");
