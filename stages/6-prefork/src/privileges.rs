//! What the server gives up once it has what it needs.
//!
//! A mistake in a server is as dangerous as what the server may do. So it does without what it has no use for, step by
//! step, and each step is for good:
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
//! has a hole: then the kernel still says no.

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

/// Makes this process, and all that it forks from now on, those of a user: its groups, its group, then itself, in this
/// order, because whoever is no longer root can change nothing more (setuid(2)).
///
/// # Errors
/// [`Failure::Setting`] if there is no such user, or if only root could do this.
pub fn become_user(name: &str) -> Result<(), Failure> {
    let failure = |why: &str| Failure::Setting(format!("--user: cannot become {name}: {why}"));
    let user = User::from_name(name).map_err(|errno| failure(errno.desc()))?;
    let user = user.ok_or_else(|| failure("there is no such user"))?;
    if getuid() == user.uid {
        return Ok(());
    }
    if !getuid().is_root() {
        return Err(failure("only root can become somebody else"));
    }
    // ANCHOR: become_user
    let name = CString::new(user.name).map_err(|_| failure("its name holds a zero byte"))?;
    initgroups(&name, user.gid)
        .and_then(|()| setresgid(user.gid, user.gid, user.gid))
        .and_then(|()| setresuid(user.uid, user.uid, user.uid))
        .map_err(|errno| failure(errno.desc()))?;
    // Believed only when the way back is seen to be closed.
    match setuid(0.into()) {
        Err(Errno::EPERM) => Ok(()),
        _ => Err(failure("the way back to root is still open")),
    }
    // ANCHOR_END: become_user
}

/// From now on no execve(2) gives this process or its children more than they have.
///
/// # Errors
/// Those of prctl(2); since Linux 3.5 it has none.
pub fn never_gain() -> Result<(), Failure> {
    prctl::set_no_new_privs().map_err(Failure::cannot("promise never to gain privileges"))
}

/// From now on this thread, and those that it starts, can read beneath `root` and do nothing else with files, and can
/// neither bind a port nor connect to one. What is open stays open. `false` if this kernel can do none of it; what
/// an older kernel can do of it is done.
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
    let refused = Failure::cannot("confine the worker, which --landlock off does without");
    Ok(confined().map_err(io::Error::other).map_err(refused)?.ruleset != RulesetStatus::NotEnforced)
}
// ANCHOR_END: confine
