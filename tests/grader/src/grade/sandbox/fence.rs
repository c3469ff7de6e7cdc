//! A second wall around a cell's files (landlock(7)), in case the first one, its root, has a hole. Without namespaces
//! it is the only one.
//!
//! ```text
//!   what is shown        read, execute
//!   /tmp and what is kept   read, write; nothing that can be written can be executed
//!   /dev/null and its like  read, write
//!   /proc                read
//!   anything else        neither, and no signal to a process outside
//! ```

use super::{Cell, Sandbox};
use anyhow::Result;
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    Scope, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// The version of Landlock that is used. An older kernel leaves out what it does not know.
const KNOWN: ABI = ABI::V6;
/// The devices of a cell.
pub(super) const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Whether the kernel has Landlock.
pub fn has_landlock() -> bool {
    let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    strict.handle_access(AccessFs::Execute).and_then(Ruleset::create).is_ok()
}

/// The rules for a cell, with the paths inside it. A process that restricts itself with them stays restricted, with all
/// that it starts.
pub(super) fn around(cell: &Cell) -> Result<RulesetCreated> {
    let everything = AccessFs::from_all(KNOWN);
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let shown: Vec<PathBuf> = cell.shown.iter().map(|shown| cell.path(shown)).collect();
    // Without mounts, programs use this machine's own files.
    let names = cell.shown.iter().map(|shown| &shown.inside).filter(|_| cell.sandbox == Sandbox::Weak);
    let names: Vec<&PathBuf> = names.filter(|path| path.starts_with("/etc")).collect();
    let written = [Some(cell.room()), cell.kept.as_ref().map(|kept| cell.path(kept))];
    let rules = Ruleset::default().handle_access(everything)?.scope(Scope::from_all(KNOWN))?.create()?;
    let rules = rules
        .add_rules(path_beneath_rules(shown, AccessFs::from_read(KNOWN)))?
        .add_rules(path_beneath_rules(names, look))?
        .add_rules(path_beneath_rules(written.into_iter().flatten(), everything & !AccessFs::Execute))?
        .add_rules(path_beneath_rules(DEVICES, look | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([Path::new("/proc")], look))?;
    Ok(rules)
}
