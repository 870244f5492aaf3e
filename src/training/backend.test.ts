import { expect, test } from "vitest";
import { loadTensors, tensorBackends } from "./backend.ts";

test("takes the first backend that works, and says why those before it did not", async () => {
  const { tf, backend, tried } = await loadTensors();
  expect(tf.getBackend()).toBe(backend);
  expect(tried.map((failure) => failure.backend)).toEqual(tensorBackends.slice(0, tensorBackends.indexOf(backend)));
  for (const { error } of tried) expect(error).not.toBe("");
});

test("a forced backend is that one or an error that names it", async () => {
  expect((await loadTensors("wasm")).tf.getBackend()).toBe("wasm");
  const outcome = await loadTensors("tensorflow").then(
    ({ backend }) => backend,
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );
  expect(outcome).toMatch(/^(tensorflow$|no_tensor_backend: .*tensorflow: )/);
});
