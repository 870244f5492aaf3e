import { type Role, roles } from "./control.ts";

/** What an endpoint asks for; `public` asks for no key at all. */
export type MinimumRole = "public" | Role;

/**
 * What the key of a role may do. `price`: ask for prices and quotes, and for what is known of courses and learners. `events`: publish events. `operate`: both, see
 * figures, and change policies, experiments and prices. `admin`: everything.
 */
const grants: Readonly<Record<Role, readonly Role[]>> = {
  price: ["price"],
  events: ["events"],
  operate: ["price", "events", "operate"],
  admin: roles,
};

/** Roles whose keys may use what asks for `needed`. */
export function rolesThatMay(needed: MinimumRole): readonly Role[] {
  return needed === "public" ? roles : roles.filter((role) => grants[role].includes(needed));
}
