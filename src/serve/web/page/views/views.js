// The screens: name is the first part of the address behind "#/", parts how many follow it, letter the key after "g".
import { showExperiment } from "/assets/views/experiment.js";
import { showExperiments } from "/assets/views/experiments.js";
import { showCost } from "/assets/views/cost.js";
import { showFile } from "/assets/views/file.js";
import { showFiles } from "/assets/views/files.js";
import { showJob } from "/assets/views/job.js";
import { showJobs } from "/assets/views/jobs.js";
import { showModels } from "/assets/views/models.js";
import { showNewJob } from "/assets/views/new_job.js";
import { showPlayground } from "/assets/views/playground.js";

export const VIEWS = [
  { name: "jobs", letter: "j", show: showJobs },
  { name: "files", letter: "f", show: showFiles },
  { name: "models", letter: "m", show: showModels },
  { name: "playground", letter: "p", show: showPlayground },
  { name: "experiments", letter: "a", show: showExperiments },
  { name: "cost", letter: "c", show: showCost },
  { name: "jobs", parts: 1, show: showJob },
  { name: "new", title: "new.title", show: showNewJob },
  { name: "files", parts: 1, show: showFile },
  { name: "experiments", parts: 1, show: showExperiment },
];
