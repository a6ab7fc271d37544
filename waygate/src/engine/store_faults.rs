use std::fmt;

use waygate_core::port::BackendError;

/// The failures of the store, reads and writes apart: only without reads are the values out of date.
#[derive(Debug, Default)]
pub(super) struct StoreFaults {
    read: Option<String>,
    write: Option<WriteFault>,
    /// `true` if the store could not be read at startup, and has not been read since.
    is_closed: bool,
}

#[derive(Debug)]
struct WriteFault {
    cause: String,
    /// `true` if the store has refused a write; a successful read does not reset this.
    is_refusal: bool,
}

impl StoreFaults {
    pub(super) fn read_failed(&mut self, cause: impl fmt::Display) {
        let mut cause = cause.to_string();
        if self.is_closed {
            cause.push_str("; everything is closed until it can be read");
        }
        self.read = Some(cause);
    }

    /// Records that nothing could be read at startup.
    pub(super) fn closed(&mut self, cause: impl fmt::Display) {
        self.is_closed = true;
        self.read_failed(cause);
    }

    /// Records a failed write. Only a refusal says that later writes fail too.
    pub(super) fn write_failed(&mut self, error: &BackendError) {
        self.write = Some(WriteFault {
            cause: error.to_string(),
            is_refusal: matches!(error, BackendError::NotWritable(_)) || self.refuses_writes(),
        });
    }

    /// Records the result of a check whether the store accepts writes. Every failure counts until a later check.
    pub(super) fn probed(&mut self, fault: Option<&impl fmt::Display>) {
        self.write = fault.map(|fault| WriteFault {
            cause: fault.to_string(),
            is_refusal: true,
        });
    }

    pub(super) fn was_read(&mut self) {
        self.is_closed = false;
        self.read = None;
        self.write.take_if(|fault| !fault.is_refusal);
    }

    pub(super) fn refuses_writes(&self) -> bool {
        self.write.as_ref().is_some_and(|fault| fault.is_refusal)
    }

    /// The cause of the failed reads.
    pub(super) fn read_fault(&self) -> Option<&str> {
        self.read.as_deref()
    }

    /// The cause for the health. Failed reads come first: they affect requests too.
    pub(super) fn cause(&self) -> Option<&str> {
        let write = self.write.as_ref().map(|fault| fault.cause.as_str());
        self.read_fault().or(write)
    }
}
