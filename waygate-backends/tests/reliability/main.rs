//! The file backend when processes are killed, disks are full and files are damaged.
//!
//! Every trial prints its figures. `WAYGATE_TEST_KILL_CYCLES`, `WAYGATE_TEST_MUTATIONS` and `WAYGATE_TEST_WRITER_OPS`
//! make the runs longer, `WAYGATE_TEST_SEED` repeats one.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a trial reports a failure by panicking"
)]

mod audit_log;
mod child;
mod damage;
#[cfg(unix)]
mod disk_full;
mod edits;
mod kill;
mod kit;
#[cfg(unix)]
mod links;
#[cfg(unix)]
mod mounts;
mod mutations;
#[cfg(target_os = "linux")]
mod syscalls;
mod two_processes;

use libtest_mimic::{Arguments, Trial};

fn main() {
    // This program also runs as the process that is killed, starved or raced.
    if let Some(role) = std::env::var_os(child::ROLE) {
        return child::play(&role.to_string_lossy());
    }
    kit::record_logs();
    let mut trials = Vec::new();
    trials.extend(audit_log::trials());
    trials.extend(damage::trials());
    #[cfg(unix)]
    trials.extend(disk_full::trials());
    trials.extend(edits::trials());
    trials.extend(kill::trials());
    #[cfg(unix)]
    trials.extend(links::trials());
    #[cfg(unix)]
    trials.extend(mounts::trials());
    trials.extend(mutations::trials());
    #[cfg(target_os = "linux")]
    trials.extend(syscalls::trials());
    trials.extend(two_processes::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A trial for each of the functions, named after it.
macro_rules! trials {
    ($($name:ident),+ $(,)?) => {
        pub(crate) fn trials() -> Vec<$crate::Trial> {
            let (_, module) = module_path!().split_once("::").unwrap();
            vec![$($crate::Trial::test(format!("{module}::{}", stringify!($name)), || {
                $name();
                Ok(())
            })),+]
        }
    };
}
use trials;
