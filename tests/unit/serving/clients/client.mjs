import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";

const [, , url, path] = process.argv;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function tell(method, path, body) {
  return new Promise((resolve, reject) => {
    const asked = request(url + path, { method, agent }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(console.log(answer.statusCode)));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const body = readFileSync(path);
for (let n = 0; n < 3; n++) await tell("POST", "/v2/models/m/infer", body);
await tell("GET", "/v2/models/m");
await tell("POST", "/v2/models/m/infer", "{}");
agent.destroy();
