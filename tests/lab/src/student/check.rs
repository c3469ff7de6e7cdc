//! `cargo lab check`: a lab to its first task that is not done, or one task.

use super::progress::Progress;
use super::{bold, dim, serve, width, word, wrap};
use crate::course::{Course, Kind, Lab, Task};
use crate::explain::{explanation, first_error, indent};
use crate::judge::{self, Judged, Manner, Runnable, State};
use crate::refused::refusal_of;
use crate::tree;
use crate::view::{LANES_STEPS, LANES_WIDTH, View};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub enum What<'c> {
    /// The task that comes next.
    Next,
    /// The tasks of a lab up to the first that is not done, or all of them.
    Lab(&'c Lab, bool),
    /// One task.
    Task(&'c Lab, &'c Task),
}

/// Runs the tests, task by task, and explains the first failure: with the steps that matter, or with all. Returns
/// whether everything that was asked for is done.
///
/// # Errors
/// If cargo or a test cannot be run.
pub fn check(course: &Course, what: What<'_>, all_steps: bool) -> Result<bool> {
    let progress = Progress::load(&course.root)?;
    let (lab, only, all) = match what {
        What::Lab(lab, all) => (lab, None, all),
        What::Task(lab, task) => (lab, Some(task), false),
        What::Next => match progress.next(course)? {
            Some((lab, task)) => {
                println!("Task {} {} comes next.", task.id, task.name);
                (lab, Some(task), false)
            }
            None => {
                println!("All tasks of all labs are done. cargo lab says what more there is to try.");
                return Ok(true);
            }
        },
    };
    println!("{}", bold(&format!("Lab {}: {}", lab.number, lab.title)));
    let mut check = Check {
        course,
        lab,
        view: View { width: width(), whole: all_steps },
        target: tree::target(&course.root),
        known: progress.states(&course.root, lab)?,
        progress,
        runnable: None,
        judged: Vec::new(),
    };
    let start = Instant::now();
    let finished = match only {
        None => check.lab(all)?,
        Some(task) => check.task(task)?,
    };
    if !finished {
        return Ok(false);
    }
    let stopped = only.is_none() && check.judged.len() < lab.tasks.len();
    let rest = if stopped && check.runnable.is_some() {
        format!("; cargo lab check {} --all goes on to the last task", lab.number)
    } else {
        String::new()
    };
    println!("{}", dim(&format!("  ({:.1} s{rest})", start.elapsed().as_secs_f64())));
    let states = check.judged.iter().map(|judged| (judged.task, judged.state));
    check.progress.remember(&course.root, lab, states)?;
    check.conclude(only)
}

/// Checks again after each change, until the program is ended.
///
/// # Errors
/// If a check cannot be run.
pub fn watch(course: &Course, what: What<'_>, all_steps: bool) -> Result<()> {
    // After a change, the next task may belong to another lab.
    let labs: Vec<&Lab> = match what {
        What::Next => course.labs.iter().collect(),
        What::Lab(lab, _) | What::Task(lab, _) => vec![lab],
    };
    // The files, and not their fingerprints, because a student who saves only a comment also expects an answer.
    let files = || labs.iter().map(|lab| tree::student_files(&course.root, lab)).collect::<Result<Vec<_>>>();
    loop {
        let seen = files()?;
        // Clears the screen, so that only the newest verdict is visible.
        print!("\x1b[2J\x1b[H");
        check(course, what, all_steps)?;
        println!("\n{}", dim("(waiting for a file to change; Ctrl-C ends this)"));
        std::io::stdout().flush()?;
        // A file may be missing for a moment while it is saved.
        while files().is_ok_and(|now| now == seen) {
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// One check of one lab.
struct Check<'c> {
    course: &'c Course,
    lab: &'c Lab,
    view: View,
    target: PathBuf,
    progress: Progress,
    /// How far each task is, as far as is known without running anything.
    known: Vec<(&'c Task, Option<State>)>,
    /// What was built; `None` as long as no task needs it.
    runnable: Option<Runnable>,
    /// The tasks that were judged, in this order.
    judged: Vec<Judged<'c>>,
}

impl<'c> Check<'c> {
    /// Judges the tasks in their order. False if the part does not compile, which is printed here.
    fn lab(&mut self, all: bool) -> Result<bool> {
        if self.is_begun() && !self.build(None)? {
            return Ok(false);
        }
        let mut stopped = false;
        for (number, task) in self.lab.tasks.iter().enumerate() {
            if stopped {
                let state = self.known[number].1;
                println!(
                    "  {}  {:44} {}",
                    task.id,
                    task.name,
                    state.map_or_else(|| dim("later"), |_| word(state))
                );
                continue;
            }
            stopped = self.look_at(task, "")? != State::Done && !all;
        }
        Ok(true)
    }

    /// Judges one task and, if it is not done, the tasks that it needs, up to the first that is not done either. False
    /// if the part does not compile, which is printed here.
    fn task(&mut self, task: &'c Task) -> Result<bool> {
        let needed: Vec<&Task> = self.needed(task);
        let unwritten = needed.iter().chain([&task]).find(|task| self.is_unwritten(task)).copied();
        if let Some(unwritten) = unwritten.filter(|unwritten| unwritten.id != task.id) {
            self.look_at(unwritten, &format!("for {}", task.id))?;
            return Ok(true);
        }
        // A server is only worth starting with parts that work.
        let first = !is_stage(task);
        // The first thing to see of a hunt is how it fails.
        if (self.is_begun() || task.hunt.is_some()) && !self.build(Some(task).filter(|_| first))? {
            return Ok(false);
        }
        if first && (self.look_at(task, "")? == State::Done || needed.is_empty()) {
            return Ok(true);
        }
        if first && !self.build(None)? {
            return Ok(false);
        }
        for needed in needed {
            if self.look_at(needed, &format!("for {}", task.id))? != State::Done {
                return Ok(true);
            }
        }
        if !first {
            self.look_at(task, "")?;
        }
        Ok(true)
    }

    /// The tasks that a task needs, in the order of the lab.
    fn needed(&self, task: &'c Task) -> Vec<&'c Task> {
        let ids = self.lab.needed_by(task);
        self.lab.tasks.iter().filter(|task| ids.contains(&task.id.as_str())).collect()
    }

    fn is_unwritten(&self, task: &Task) -> bool {
        self.known.iter().any(|(known, state)| known.id == task.id && *state == Some(State::NotStarted))
    }

    /// Before the first change, a build would only make the student wait.
    fn is_begun(&self) -> bool {
        self.known.iter().any(|(_, state)| *state != Some(State::NotStarted))
            || !tree::is_as_committed(&self.course.root, &self.lab.exercise(&self.course.root))
    }

    /// Builds the tests of the part, or of one task. If it does not compile here, or would not for the grader, prints the
    /// first error and returns false.
    fn build(&mut self, only: Option<&Task>) -> Result<bool> {
        for (path, text) in tree::student_files(&self.course.root, self.lab)? {
            if let Some(why) = refusal_of(&path, &text) {
                println!("\nexercises/{}/{} cannot be graded: {why}.", self.lab.part, path.display());
                return Ok(false);
            }
        }
        let runnable = judge::build_part(&self.course.root, self.lab, only, &self.target)?;
        if let Some(errors) = &runnable.errors {
            let part = &self.lab.part;
            println!(
                "\nexercises/{part} does not compile. The first error:\n\n{}",
                first_error(errors, &self.course.root)
            );
            let states = self.lab.tasks.iter().map(|task| (task, State::DoesNotCompile));
            self.progress.remember(&self.course.root, self.lab, states)?;
            return Ok(false);
        }
        let steps = if self.view.whole { Some((LANES_STEPS, "all".to_owned())) } else { None };
        let width = (LANES_WIDTH, self.view.lanes_width().to_string());
        let told = steps.into_iter().chain([width]);
        self.runnable =
            Some(told.fold(runnable, |runnable, (name, value)| runnable.with_variable(name, value.as_ref())));
        Ok(true)
    }

    /// Judges a task and prints its line, with `why` at the end.
    fn look_at(&mut self, task: &'c Task, why: &str) -> Result<State> {
        let judged = self.judge(task)?;
        let why = if why.is_empty() { String::new() } else { dim(&format!("  ({why})")) };
        println!("  {}  {:44} {}{why}", task.id, task.name, word(Some(judged.state)));
        let state = judged.state;
        self.judged.push(judged);
        Ok(state)
    }

    fn judge(&mut self, task: &'c Task) -> Result<Judged<'c>> {
        let not_started = Judged { task, state: State::NotStarted, trials: 0, outcomes: Vec::new() };
        let serves = is_stage(task);
        let can_serve = serves && self.needed_are_done(task) && self.missing_beside()?.is_none();
        let Some(runnable) = self.runnable.as_mut().filter(|_| can_serve || !serves) else {
            return Ok(not_started);
        };
        if can_serve {
            judge::build_stage(&self.course.root, self.lab, &self.target, runnable)?;
        }
        judge::judge(task, runnable, &Manner::plain())
    }

    fn needed_are_done(&self, task: &Task) -> bool {
        let done = |id: &String| {
            self.judged.iter().any(|judged| judged.task.id == *id && judged.state == State::Done)
        };
        task.needs.iter().all(done)
    }

    /// Another part that the lab's server lacks.
    fn missing_beside(&self) -> Result<Option<String>> {
        serve::missing_beside(self.course, self.lab)
    }

    /// Prints what to do next. Returns whether everything that was asked for is done.
    fn conclude(&self, only: Option<&Task>) -> Result<bool> {
        let lab = self.lab;
        let asked = |judged: &&Judged<'_>| only.is_none_or(|only| only.id == judged.task.id);
        if let Some(only) = only
            && self.judged.iter().any(|judged| asked(&judged) && judged.state == State::Done)
        {
            match self.progress.next_in(&self.course.root, lab)? {
                Some(next) => println!(
                    "\n{} is done. Next is {} {}: cargo lab check {}",
                    only.id, next.id, next.name, next.id
                ),
                None => println!(
                    "\nEvery task of lab {0} is done. Once more, all together: cargo lab check {0}",
                    lab.number
                ),
            }
            return Ok(true);
        }
        // The tasks that a task needs come before it in a lab, so the earliest failure is the cause.
        let failed = |judged: &&Judged<'_>| judged.state != State::Done;
        let first = self.judged.iter().filter(failed).min_by_key(|judged| self.place(judged.task));
        let Some(first) = first else {
            println!(
                "\nAll of lab {0} is done. Serve with it: cargo lab run {0} --mine {1}",
                lab.number, lab.part
            );
            println!("Compare it with ours: cargo lab compare {}", lab.number);
            return Ok(true);
        };
        if let Some(only) = only.filter(|only| only.id != first.task.id) {
            println!("\n{} needs {}, which is not done. So that comes first.", only.id, first.task.id);
        }
        match self.missing_beside()? {
            Some(missing) if is_stage(first.task) => {
                println!("\n{} runs {} with what you wrote. But {missing}.", first.task.id, lab.stage.binary);
            }
            _ if first.state == State::DoesNotCompile => self.explain_server(),
            _ => println!("\n{}", first_steps(lab, first, self.view)),
        }
        Ok(false)
    }

    fn place(&self, task: &Task) -> usize {
        self.lab.tasks.iter().position(|other| other.id == task.id).unwrap_or(usize::MAX)
    }

    fn explain_server(&self) {
        let errors = self.runnable.as_ref().and_then(|runnable| runnable.errors.as_deref());
        let binary = &self.lab.stage.binary;
        println!("\nYour part compiles, but {binary} does not compile with it. The first error:\n");
        println!("{}", first_error(errors.unwrap_or_default(), &self.course.root));
    }
}

fn is_stage(task: &Task) -> bool {
    task.kinds().any(|kind| kind == Kind::Stage)
}

fn first_steps(lab: &Lab, judged: &Judged<'_>, view: View) -> String {
    let task = judged.task;
    if judged.state != State::NotStarted || task.holes.is_empty() {
        return explanation(lab, judged, view);
    }
    let mut todos = String::new();
    let mut above = PathBuf::new();
    for hole in &task.holes {
        let Ok((file, function)) = hole.place() else { continue };
        if file != above {
            todos += &format!("  exercises/{}/{}\n", lab.part, file.display());
        }
        todos += &(indent(&indent(&wrap(&format!("{function}: {}", hole.todo)))) + "\n");
        above = file;
    }
    let next = wrap(&format!("Next is {} {}. {}", task.id, task.name, task.goal));
    format!("{next}\n\n{todos}\nThe book: \"{}\".  A hint: cargo lab hint {}", task.heading(), task.id)
}
