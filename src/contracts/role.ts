/**
 * What a key may do. `price`: ask for prices, quotes, and what is known of courses and learners. `events`: publish events. `operate`: both, and read figures and
 * change policies, experiments and prices. `admin`: everything, keys included.
 */
export const roles = ["price", "events", "operate", "admin"] as const;
export type Role = (typeof roles)[number];

/** What an endpoint asks for; `public` asks for no key at all. */
export type MinimumRole = "public" | Role;

const grants: Readonly<Record<Role, readonly Role[]>> = {
  price: ["price"],
  events: ["events"],
  operate: ["price", "events", "operate"],
  admin: roles,
};

export function mayUse(role: Role, needed: MinimumRole): boolean {
  return needed === "public" || grants[role].includes(needed);
}
