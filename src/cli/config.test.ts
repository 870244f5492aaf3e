import { describe, expect, test } from "vitest";
import { TidemarkError } from "../lib/errors.ts";
import { configEnvironment, describeConfig, maskUrl, readConfig } from "./config.ts";
import { settingNames, settings } from "./settings.ts";

function refusal(environment: Record<string, string>, flags: Record<string, string> = {}): string {
  try {
    readConfig(environment, flags);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "bad_config") return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("configuration", () => {
  test("flags win over variables, variables over defaults, and each says where it came from", () => {
    const { config, sources } = readConfig({ TIDEMARK_PORT: "9000", TIDEMARK_SEED: "7", PATH: "/bin" }, { port: "9001", unrelated: true });
    expect([config.port, sources.port]).toEqual([9001, "flag"]);
    expect([config.seed, sources.seed]).toEqual([7, "environment"]);
    expect([config.host, sources.host]).toEqual(["127.0.0.1", "default"]);
    expect(config.nats_url).toBeNull();
  });

  test("an empty variable counts as unset", () => {
    expect(readConfig({ TIDEMARK_PORT: "", TIDEMARK_NATS_URL: "" }).config).toMatchObject({ port: 8080, nats_url: null });
  });

  test("the data directory is made absolute", () => {
    expect(readConfig({ TIDEMARK_DATA_DIR: "./x" }).config.data_dir).toBe(`${process.cwd()}/x`);
  });

  const bad: readonly [variable: string, value: string][] = [
    ["TIDEMARK_PORT", "65536"],
    ["TIDEMARK_PORT", "-1"],
    ["TIDEMARK_PORT", "8080.5"],
    ["TIDEMARK_PORT", "0x50"],
    ["TIDEMARK_PORT", " 80"],
    ["TIDEMARK_PORT", "80 "],
    ["TIDEMARK_PORT", "1e3"],
    ["TIDEMARK_NATS_PORT", "NaN"],
    ["TIDEMARK_HOST", "http://0.0.0.0"],
    ["TIDEMARK_HOST", "example.org/x"],
    ["TIDEMARK_HOST", "127.0.0.1 "],
    ["TIDEMARK_CORS_ORIGINS", "*"],
    ["TIDEMARK_CORS_ORIGINS", "https://a.example/"],
    ["TIDEMARK_CORS_ORIGINS", "https://a.example,b.example"],
    ["TIDEMARK_NATS_URL", "localhost:4222"],
    ["TIDEMARK_NATS_URL", "http://localhost:4222"],
    ["TIDEMARK_NATS_URL", "nats://"],
    ["TIDEMARK_NATS_URL", "nats://a:4222,b:4222"],
    ["TIDEMARK_ENGINE_URL", "ftp://x"],
    ["TIDEMARK_TF_BACKEND", "webgl"],
    ["TIDEMARK_SERVE_WORKERS", "0"],
    ["TIDEMARK_SEED", "4294967296"],
    ["TIDEMARK_SEED", "one"],
    ["TIDEMARK_TRAIN_INTERVAL_HOURS", "0"],
    ["TIDEMARK_SIM_RATE", "-5"],
    ["TIDEMARK_SIM_RATE", "Infinity"],
    ["TIDEMARK_LEARNERS", "0"],
    ["TIDEMARK_COURSES", "1.5"],
    ["TIDEMARK_TEACHERS", "1,000"],
    ["TIDEMARK_ENROLLMENTS", "99999999999999999999"],
    ["TIDEMARK_WEEKS", "521"],
    ["TIDEMARK_LOG_LEVEL", "INFO"],
  ];

  test.each(bad)("%s=%j stops the start with name, value and what is allowed", (variable, value) => {
    const message = refusal({ [variable]: value });
    expect(message).toContain(`${variable} is ${JSON.stringify(value)}`);
    const name = settingNames.find((setting) => settings[setting].variable === variable)!;
    expect(message).toContain(`allowed: ${settings[name].type}`);
  });

  test("a bad flag is named as the flag", () => {
    expect(refusal({}, { port: "http" })).toContain('--port is "http"');
  });

  test("an unknown variable is named, with the nearest known one", () => {
    expect(refusal({ TIDEMARK_PROT: "1" })).toContain("TIDEMARK_PROT is not a setting; did you mean TIDEMARK_PORT?");
    expect(refusal({ TIDEMARK_COMPLETELY_OTHER: "" })).toMatch(/^TIDEMARK_COMPLETELY_OTHER is not a setting\n {2}known: TIDEMARK_HOST/);
  });

  test("all problems are reported at once", () => {
    const message = refusal({ TIDEMARK_PORT: "x", TIDEMARK_SEDE: "1" }, { weeks: "many" });
    for (const part of ["TIDEMARK_PORT", "TIDEMARK_SEDE", "--weeks"]) expect(message).toContain(part);
  });

  test("every setting's own default is a value that it accepts", () => {
    const withDefault = settingNames.filter((name) => settings[name].fallback !== null);
    expect(withDefault.map((name) => settings[name].schema.safeParse(String(settings[name].fallback)).data)).toEqual(withDefault.map((name) => settings[name].fallback));
  });

  test("secrets are masked where a person reads them", () => {
    const masked: readonly [url: string, shown: string][] = [
      ["nats://user:secret@host:4222", "nats://***@host:4222"],
      ["nats://token@host", "nats://***@host"],
      ["nats://u:p@ss/w@host", "nats://***@host"],
      ["u:secret@host", "***@host"],
      ["nats://a:secret@one,nats://b:secret@two", "nats://***@two"],
      ["nats://host:4222", "nats://host:4222"],
    ];
    for (const [url, shown] of masked) expect(maskUrl(url)).toBe(shown);
    const rows = describeConfig(readConfig({ TIDEMARK_NATS_URL: "nats://user:secret@host:4222" }));
    expect(rows.map(({ name }) => name)).toEqual(settingNames.map((name) => settings[name].variable));
    expect(JSON.stringify(rows)).not.toContain("secret");
    expect(refusal({ TIDEMARK_NATS_URL: "user:secret@host" })).not.toContain("secret");
  });

  test("a child's variables give the child the same configuration", () => {
    const read = readConfig({ TIDEMARK_NATS_URL: "nats://u:p@host", TIDEMARK_SEED: "3" }, { data_dir: "/tmp/x", sim_rate: "2.5" });
    const environment = configEnvironment(read);
    expect(Object.keys(environment).sort()).toEqual(["TIDEMARK_DATA_DIR", "TIDEMARK_NATS_URL", "TIDEMARK_SEED", "TIDEMARK_SIM_RATE"]);
    expect(readConfig(environment).config).toEqual(read.config);
  });
});
