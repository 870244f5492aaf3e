/** The ids of the synthetic platform. */
const padded = (letter: string, digits: number) => (ordinal: number) => letter + String(ordinal).padStart(digits, "0");

export const courseId = padded("C", 5);
export const learnerId = padded("L", 6);
export const teacherId = padded("T", 4);
export const enrollmentId = padded("E", 9);
export const historyEventId = padded("h", 9);
