/** Segments of learners by their probability of enrolling, ascending. */
export const segments = ["dormant", "cold", "warm", "hot"] as const;
export type Segment = (typeof segments)[number];

/** By the probability of churn, ascending. */
export const riskLevels = ["low", "medium", "high"] as const;
export type RiskLevel = (typeof riskLevels)[number];

/** By tercile of the value at risk, ascending. */
export const priorities = ["low", "medium", "high"] as const;
export type Priority = (typeof priorities)[number];
