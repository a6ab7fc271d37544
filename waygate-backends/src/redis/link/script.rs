use std::time::Duration;

use redis::{Cmd, Value};

use super::{Call, Link, LinkError, Permits};

/// A script. Once it has run, Redis identifies it by its hash.
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

    fn known(&self, arguments: &impl Fn(&mut Cmd)) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        arguments(command.arg(&self.hash));
        command
    }

    fn whole(&self, arguments: &impl Fn(&mut Cmd)) -> Cmd {
        let mut command = redis::cmd("EVAL");
        arguments(command.arg(self.source));
        command
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
        let call = self.begin(deadline, Permits::Own).await?;
        self.run(call, script, arguments).await
    }

    /// Runs a script in a call that has been started.
    pub(crate) async fn run(
        &self,
        call: Call<'_>,
        script: &Script,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, LinkError> {
        let (ends, permits) = (call.ends(), call.permits());
        match call.send(&script.known(&arguments)).await {
            Err(error) if is_unknown(&error) => {
                let call = self.begin(ends.left(), permits).await?;
                call.send(&script.whole(&arguments)).await
            }
            answer => answer,
        }
    }

    /// Runs a script, and a command after it over the same connection.
    pub(crate) async fn script_and(
        &self,
        script: &Script,
        arguments: impl Fn(&mut Cmd),
        then: &Cmd,
        deadline: Duration,
    ) -> Result<[Value; 2], LinkError> {
        let call = self.begin(deadline, Permits::Own).await?;
        let ends = call.ends();
        match call.send_both(&script.known(&arguments), then).await {
            Err(error) if is_unknown(&error) => {
                self.call_both(&script.whole(&arguments), then, ends.left())
                    .await
            }
            answers => answers,
        }
    }
}

fn is_unknown(error: &LinkError) -> bool {
    matches!(error, LinkError::Misunderstood(text) if text.starts_with("NOSCRIPT"))
}
