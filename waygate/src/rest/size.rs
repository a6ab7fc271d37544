use std::io;

use serde::Serialize;

/// Returns the bytes of a value as JSON, without memory for them.
pub(crate) fn json_size(value: &impl Serialize) -> usize {
    let mut size = Size(0);
    match serde_json::to_writer(&mut size, value) {
        Ok(()) => size.0,
        Err(_) => usize::MAX,
    }
}

struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
