import type { Section } from "./section.ts";
import { calibrationSection } from "./sections/calibration.ts";
import { candidatesSection } from "./sections/candidates.ts";
import { categoriesSection } from "./sections/categories.ts";
import { checksSection } from "./sections/checks.ts";
import { correlationSection } from "./sections/correlation.ts";
import { curvesSection } from "./sections/curves.ts";
import { distributionsSection } from "./sections/distributions.ts";
import { driftSection } from "./sections/drift.ts";
import { elasticitySection } from "./sections/elasticity.ts";
import { gateSection } from "./sections/gate.ts";
import { importanceSection } from "./sections/importance.ts";
import { lineageSection } from "./sections/lineage.ts";
import { pricesSection } from "./sections/prices.ts";
import { residualsSection } from "./sections/residuals.ts";
import { segmentsSection } from "./sections/segments.ts";
import { slicesSection } from "./sections/slices.ts";
import { stagesSection } from "./sections/stages.ts";
import { trendSection } from "./sections/trend.ts";

const process = [gateSection, stagesSection, checksSection];
const rows = [distributionsSection, correlationSection, trendSection, driftSection];
const models = [candidatesSection, importanceSection, residualsSection, calibrationSection, slicesSection];

/** In the reader's order: what came of it, whether it can be believed, what it rests on. A family without its own list has what every family has. */
const families: Readonly<Record<string, readonly Section[]>> = {
  elasticity: [...process, ...rows, pricesSection, categoriesSection, ...models, curvesSection, elasticitySection, lineageSection],
  propensity: [...process, ...rows, ...models, segmentsSection, lineageSection],
};

export function sectionsOf(family: string): readonly Section[] {
  return Object.hasOwn(families, family) ? families[family]! : [...process, ...rows, ...models, lineageSection];
}
