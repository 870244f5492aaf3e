import { TidemarkError } from "../lib/errors.ts";
import type { GateConfig } from "../serving/options.ts";
import type { Config } from "./settings.ts";

/** What the settings say of keys, foreign pages and TLS. Throws `bad_config` when only half of the certificate is named. */
export function gateConfig({ key_file, otlp_url, cors_origins, tls_cert, tls_key }: Config): GateConfig {
  if ((tls_cert === null) !== (tls_key === null)) throw new TidemarkError("bad_config", "TIDEMARK_TLS_CERT and TIDEMARK_TLS_KEY belong together: set both, or neither");
  return {
    key_file: key_file ?? undefined,
    otlp_url: otlp_url ?? undefined,
    cors_origins: cors_origins === null ? [] : cors_origins.split(",").map((origin) => origin.trim()),
    tls: tls_cert === null || tls_key === null ? undefined : { cert: tls_cert, key: tls_key },
  };
}
