//! Tries a model on parts, and says what the model misses.
//!
//! ```text
//!   1. the first right part    fails: the model asks too much.  Too many interleavings, or only one: it says so.
//!   2. the situations          the first right part tells which ones the model has come to
//!   3. all other parts         in random order, so that a model cannot count which of them it is tried on
//! ```

use lanes::Walk;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// How many interleavings a model may have. A small one has some hundreds.
const MOST_INTERLEAVINGS: usize = 8_000;

/// How many right parts there are of each kind.
const RIGHT: usize = 3;

/// The parts that the models of a lab are tried on.
pub(crate) struct Kit<'k> {
    /// What a part is called, such as `queue`.
    pub(crate) thing: &'k str,
    /// The promises. There is a model for each.
    pub(crate) promises: &'k [Promise],
    /// The broken parts.
    pub(crate) broken: &'k [Broken],
}

/// A promise that a model checks.
pub(crate) struct Promise {
    /// The promise, as a sentence.
    pub(crate) says: &'static str,
    /// The situations that the model must reach.
    pub(crate) situations: &'static [Situation],
    /// The broken parts that it must find.
    pub(crate) broken: Range<usize>,
}

/// Something that can happen inside a right part.
pub(crate) struct Situation {
    /// As the part names it. The verdict puts it after "does": `a consumer fall asleep`.
    pub(crate) name: &'static str,
    /// The question for the student if the model does not reach it.
    pub(crate) question: &'static str,
}

/// A broken part.
pub(crate) struct Broken {
    /// What it does wrong. The verdict puts it after "A queue that".
    pub(crate) what: &'static str,
    /// The question for the student if the model does not fail on it.
    pub(crate) question: &'static str,
}

/// A part, by its number among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Right(usize),
    Broken(usize),
}

/// One part on trial, and the situations that it has reached.
struct Trial {
    part: Part,
    reached: Mutex<BTreeSet<&'static str>>,
}

thread_local! {
    /// All threads of a model run on one system thread, so this is the trial of all of them.
    static TRIAL: RefCell<Option<Arc<Trial>>> = const { RefCell::new(None) };
}

/// The part that is on trial.
pub(crate) fn on_trial() -> Part {
    let part = TRIAL.with_borrow(|trial| trial.as_ref().map(|trial| trial.part));
    part.expect("it can only be made inside of a model")
}

/// Remembers that a situation was reached.
pub(crate) fn reached(situation: &'static str) {
    if let Some(trial) = TRIAL.with_borrow(Clone::clone) {
        trial.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(situation);
    }
}

/// Judges a model of each promise, one after the other.
///
/// # Panics
///
/// If one of the models is not good enough. The message is for the student.
pub(crate) fn judge(kit: &Kit<'_>, models: &[fn()]) {
    assert_eq!(kit.promises.len(), models.len(), "a model for each promise");
    for (promise, &model) in kit.promises.iter().zip(models) {
        match (Judge { kit, promise, model }).verdict() {
            Ok(walked) => println!("{walked}"),
            Err(verdict) => panic!("{verdict}"),
        }
    }
}

/// Judges one model.
struct Judge<'k> {
    kit: &'k Kit<'k>,
    promise: &'k Promise,
    model: fn(),
}

impl Judge<'_> {
    /// A summary of the walk, or the message for the student.
    fn verdict(&self) -> Result<String, String> {
        let (walk, reached) = self.walk(Part::Right(0));
        self.must_pass(&walk)?;
        if walk.interleavings < 2 {
            return Err(self.only_one());
        }
        if let Some(missing) = self.promise.situations.iter().find(|it| !reached.contains(it.name)) {
            return Err(self.never(missing, walk.interleavings));
        }
        let mut missed = Vec::new();
        for part in self.all_others() {
            let (walk, _) = self.walk(part);
            match part {
                Part::Right(_) => self.must_pass(&walk)?,
                Part::Broken(number) if walk.failure.is_none() => missed.push(number),
                Part::Broken(_) => {}
            }
        }
        match missed.iter().min() {
            Some(&first) => Err(self.let_through(first, missed.len())),
            None => Ok(format!("model: {}: {} interleavings", self.promise.says, walk.interleavings)),
        }
    }

    /// All parts, in random order, and the first one again: otherwise a model that recognizes the first part could
    /// simply fail on all others.
    fn all_others(&self) -> Vec<Part> {
        let right = (0..RIGHT).map(Part::Right);
        let mut parts: Vec<Part> = right.chain(self.promise.broken.clone().map(Part::Broken)).collect();
        let random = RandomState::new();
        parts.sort_by_cached_key(|part| random.hash_one(part));
        parts
    }

    /// Runs all interleavings of the model on a part. Also returns the situations that it reached.
    fn walk(&self, part: Part) -> (Walk, BTreeSet<&'static str>) {
        let trial = Arc::new(Trial { part, reached: Mutex::default() });
        let (model, on_trial) = (self.model, trial.clone());
        let walk = lanes::Model::new(self.promise.says).at_most(MOST_INTERLEAVINGS).walk(move |_| {
            TRIAL.set(Some(on_trial.clone()));
            model();
        });
        let reached = trial.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (walk, reached)
    }

    /// Checks that the model has passed on a right part.
    fn must_pass(&self, walk: &Walk) -> Result<(), String> {
        match &walk.failure {
            Some(failure) if failure.contains(TODO) => Err(todo(failure)),
            Some(failure) => Err(self.too_much(failure)),
            None if !walk.complete => Err(self.too_many()),
            None => Ok(()),
        }
    }

    fn too_much(&self, failure: &str) -> String {
        let (thing, says) = (self.kit.thing, self.promise.says);
        let said = format!(
            "Your model \"{says}\" fails on a {thing} that is right. So it asks for more than the promise says. Can what \
             it fails on happen with a {thing} that keeps its promise?"
        );
        format!("{}\n\n{failure}", wrapped(&said))
    }

    fn too_many(&self) -> String {
        wrapped(&format!(
            "Your model \"{}\" has more than {MOST_INTERLEAVINGS} interleavings, and was stopped. Every thread and every \
             call multiplies them. Which of them does the promise not need?",
            self.promise.says
        ))
    }

    fn only_one(&self) -> String {
        wrapped(&format!(
            "Your model \"{}\" has only one interleaving, because its threads never meet in the {}. How many threads \
             call it, and can they do so at the same time?",
            self.promise.says, self.kit.thing
        ))
    }

    fn never(&self, situation: &Situation, interleavings: usize) -> String {
        let says = self.promise.says;
        let said = format!(
            "In none of the {interleavings} interleavings of your model \"{says}\" does {}.",
            situation.name
        );
        format!("{}\n\n{}", wrapped(&said), wrapped(situation.question))
    }

    fn let_through(&self, first: usize, missed: usize) -> String {
        let Broken { what, question } = &self.kit.broken[first];
        let others = match missed - 1 {
            0 => String::new(),
            1 => ", and lets one other through, too".to_owned(),
            others => format!(", and lets {others} others through, too"),
        };
        let said = format!("A {} that {what} passes your model \"{}\".", self.kit.thing, self.promise.says);
        let all = self.promise.broken.len();
        let figures = format!(
            "It passes on all {RIGHT} right ones, as it must. It finds {} of {all} broken ones{others}.",
            all - missed
        );
        [said.as_str(), question, &figures].map(wrapped).join("\n\n")
    }
}

/// How the panic message of an unwritten function begins.
const TODO: &str = "not yet implemented: ";

/// The panic message without the interleaving. The runner of the labs recognizes the words.
fn todo(failure: &str) -> String {
    let start = failure.find(TODO).unwrap_or_default();
    failure[start..].lines().next().unwrap_or_default().to_owned()
}

/// A paragraph wrapped for a terminal of 80 columns, less the indentation that `cargo lab` adds.
fn wrapped(paragraph: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in paragraph.split_whitespace() {
        if width > 0 {
            let fits = width + 1 + word.len() <= 76;
            text.push(if fits { ' ' } else { '\n' });
            width = if fits { width + 1 } else { 0 };
        }
        text.push_str(word);
        width += word.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_paragraph_fits_a_terminal_of_80_columns_and_keeps_its_words() {
        let words =
            "which thread of your model leaves a notice, and can the master come before it? ".repeat(9);
        let text = wrapped(&words);
        assert!(text.lines().all(|line| line.len() <= 76) && text.lines().count() > 8, "{text}");
        assert_eq!(text.replace('\n', " "), words.trim_end());
    }
}
