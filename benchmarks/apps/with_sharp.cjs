// Draws with sharp, as its documentation says: does what `benchmarks.apps.drawing` does.
//
// One thread and no cache. In linear light its pipeline runs in scRGB; without the profile
// kept, pictures that have one come out in wrong colours.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const sharp = require("sharp");

sharp.concurrency(1);
sharp.cache(false);

const MOVING = [".gif", ".webp"];

function draw(picture, job) {
  const animated = job.animated && MOVING.includes(path.extname(picture));
  let image = sharp(picture, { animated }).autoOrient();
  if (job.linear) image = image.pipelineColourspace("scrgb").keepIccProfile();
  image = image.resize({
    width: job.width,
    height: job.height,
    fit: "inside",
    withoutEnlargement: true,
  });
  const options = job.quality ? { quality: job.quality } : {};
  return image.toFormat(job.format, options).toBuffer();
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function main() {
  const job = JSON.parse(process.argv[2]);
  const cpu = {};
  const failed = {};
  for (const picture of [job.pictures[0], ...job.pictures]) {
    const name = path.basename(picture);
    const before = cpuSeconds();
    try {
      let data;
      for (let time = 0; time < job.times; time += 1) data = await draw(picture, job);
      cpu[name] = (cpuSeconds() - before) / job.times;
      if (job.into) fs.writeFileSync(path.join(job.into, `${name}.${job.format}`), data);
    } catch (error) {
      failed[name] = String(error).slice(0, 200);
    }
  }
  console.log(JSON.stringify({ cpu, failed }));
}

main();
