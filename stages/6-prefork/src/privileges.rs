//! What the server gives up once it has what it needs.
//!
//! A bug in a server is as dangerous as the rights of the server. So it gives up every right that it does not need,
//! step by step, and no step can be undone:
//!
//! ```text
//!   master, started by root     binds the port (80 needs root: CAP_NET_BIND_SERVICE, capabilities(7))
//!     become_user(--user)       from here on: an ordinary user, and its children too
//!     never_gain()              no program that it might start makes it more (PR_SET_NO_NEW_PRIVS, prctl(2))
//!     trial                     opens the document root and the access log, for all workers
//!     worker: confine(root)     from here on: reads files beneath the root, nothing else (landlock(7))
//! ```
//!
//! The look-up beneath the root already keeps to it (`openat2`). Landlock is for the day when that, or anything else,
//! has a hole: then the kernel still refuses.

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{User, getuid, initgroups, setresgid, setresuid, setuid};
use program::failure::Failure;
use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;

/// Gives this process, and all that it forks from now on, to a user: first the supplementary groups, then the group,
/// then the user, because a process that is no longer root can change nothing more (setuid(2)).
///
/// # Errors
/// [`Failure::Setting`] if there is no such user, or if this process is not root.
pub fn become_user(name: &str) -> Result<(), Failure> {
    let failure = |why: &str| Failure::Setting(format!("--user: cannot become {name}: {why}"));
    let user = User::from_name(name).map_err(|errno| failure(errno.desc()))?;
    let user = user.ok_or_else(|| failure("there is no such user"))?;
    if getuid() == user.uid {
        return Ok(());
    }
    if !getuid().is_root() {
        return Err(failure("only root can change its user"));
    }
    // ANCHOR: become_user
    let name = CString::new(user.name).map_err(|_| failure("its name holds a zero byte"))?;
    initgroups(&name, user.gid)
        .and_then(|()| setresgid(user.gid, user.gid, user.gid))
        .and_then(|()| setresuid(user.uid, user.uid, user.uid))
        .map_err(|errno| failure(errno.desc()))?;
    // Check that root cannot be regained.
    match setuid(0.into()) {
        Err(Errno::EPERM) => Ok(()),
        _ => Err(failure("the way back to root is still open")),
    }
    // ANCHOR_END: become_user
}

/// From now on no execve(2) gives this process or its children more than they have.
///
/// # Errors
/// [`Failure::Running`] before Linux 3.5, which does not know the call.
pub fn never_gain() -> Result<(), Failure> {
    prctl::set_no_new_privs().map_err(Failure::cannot("set no_new_privs"))
}

/// From now on this thread, and those that it starts, can read beneath `root` and do nothing else with files, and can
/// neither bind a port nor connect to one. Open descriptors stay open. An older kernel enforces the part that it knows;
/// `false` if it enforces none.
///
/// # Errors
/// [`Failure::Running`] if the kernel refuses.
// ANCHOR: confine
pub fn confine(root: impl AsFd) -> Result<bool, Failure> {
    let confined = || -> Result<RestrictionStatus, RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .create()?
            .add_rule(PathBeneath::new(root, AccessFs::ReadFile | AccessFs::ReadDir))?
            .restrict_self()
    };
    let refused = Failure::cannot("confine the worker (--landlock off avoids this)");
    Ok(confined().map_err(io::Error::other).map_err(refused)?.ruleset != RulesetStatus::NotEnforced)
}
// ANCHOR_END: confine
