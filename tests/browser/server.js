// A server for the tests: the one that ROLLCALL_URL names, or one of their own in a folder that goes with it.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PASSWORD = process.env.ROLLCALL_ADMIN_PASSWORD ?? "admin-password-1";
const PROGRAM = new URL("../../target/debug/rollcall", import.meta.url).pathname;

export async function start() {
  if (process.env.ROLLCALL_URL) {
    return { url: process.env.ROLLCALL_URL.replace(/\/$/, ""), stop: async () => {} };
  }
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "rollcall-browser-"));
  const server = spawn(PROGRAM, ["serve"], {
    env: {
      ROLLCALL_LISTEN: `127.0.0.1:${port}`,
      ROLLCALL_DATA: folder,
      ROLLCALL_ADMIN_PASSWORD: PASSWORD,
      ROLLCALL_THROTTLE: "off",
      RUST_LOG: "warn",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(`${url}/accounts/login/`).catch(() => null);
    if (answer?.ok) break;
    if (tries === 100 || server.exitCode !== null) throw new Error("the server does not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const stop = async () => {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
