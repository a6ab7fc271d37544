use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use super::{Link, LinkError};

/// A script that Redis knows by its hash once it has run.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self {
            source,
            hash: redis::Script::new(source).get_hash().to_owned(),
        }
    }
}

impl Link {
    /// Runs a script, in one round trip unless Redis does not know it yet. `arguments` adds the number of keys, the
    /// keys, and the rest.
    pub(crate) async fn script(
        &self,
        script: &Script,
        arguments: impl Fn(&mut Cmd),
        deadline: Duration,
    ) -> Result<Value, LinkError> {
        let since = Instant::now();
        let mut command = redis::cmd("EVALSHA");
        arguments(command.arg(&script.hash));
        match self.call(&command, deadline).await {
            Err(LinkError::Misunderstood(error)) if error.starts_with("NOSCRIPT") => {
                let mut command = redis::cmd("EVAL");
                arguments(command.arg(script.source));
                let left = deadline.saturating_sub(since.elapsed());
                self.call(&command, left).await
            }
            answer => answer,
        }
    }

    /// The same with a command that follows the script over the same connection.
    pub(crate) async fn script_and(
        &self,
        script: &Script,
        arguments: impl Fn(&mut Cmd),
        then: &Cmd,
        deadline: Duration,
    ) -> Result<[Value; 2], LinkError> {
        let since = Instant::now();
        let mut command = redis::cmd("EVALSHA");
        arguments(command.arg(&script.hash));
        match self.call_both(&command, then, deadline).await {
            Err(LinkError::Misunderstood(error)) if error.starts_with("NOSCRIPT") => {
                let mut command = redis::cmd("EVAL");
                arguments(command.arg(script.source));
                let left = deadline.saturating_sub(since.elapsed());
                self.call_both(&command, then, left).await
            }
            answers => answers,
        }
    }
}
