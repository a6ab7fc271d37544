//! Files that are mount points, which a rename cannot replace.

use std::path::Path;

/// The mount of exactly this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) read_only: bool,
}

/// Returns the mount of exactly this file, if any. `path` has no links.
#[cfg(target_os = "linux")]
pub(super) fn of_file(path: &Path) -> Option<Mount> {
    // Without `/proc`, a rename reports the error later.
    let table = std::fs::read("/proc/self/mountinfo").ok()?;
    find(&table, path)
}

/// Other systems mount directories only.
#[cfg(not(target_os = "linux"))]
pub(super) fn of_file(_: &Path) -> Option<Mount> {
    None
}

/// The last line is the mount on top. The fields are those of proc_pid_mountinfo(5).
#[cfg(any(target_os = "linux", test))]
fn find(table: &[u8], path: &Path) -> Option<Mount> {
    const POINT: usize = 4;
    let wanted = path.as_os_str().as_encoded_bytes();
    let lines = table.split(|byte| *byte == b'\n');
    let fields = lines.map(|line| line.split(|byte| *byte == b' ').collect::<Vec<_>>());
    let mut found = fields.filter(|fields| {
        let point = fields.get(POINT);
        point.is_some_and(|point| unescaped(point) == wanted)
    });
    let fields = found.next_back()?;
    let is_read_only = |options: &[u8]| options.split(|byte| *byte == b',').any(|one| one == b"ro");
    let of_mount = fields.get(POINT + 1);
    let of_file_system = fields.last();
    let mut options = of_mount.into_iter().chain(of_file_system);
    Some(Mount {
        read_only: options.any(|options| is_read_only(options)),
    })
}

/// Decodes space, tab, line feed and backslash, which are three octal digits.
#[cfg(any(target_os = "linux", test))]
fn unescaped(mut field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some((&first, rest)) = field.split_first() {
        let digits = rest.get(..3).filter(|_| first == b'\\');
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                field = &rest[3..];
            }
            None => {
                plain.push(first);
                field = rest;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
90 22 8:1 /host/a /app/with\\040space/state.json rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
91 22 8:1 /host/b /app/b.json ro,relatime - ext4 /dev/sda1 rw
92 22 8:1 /host/c /app/c.json rw,relatime - ext4 /dev/sda1 ro,errors=remount-ro
93 22 8:1 /host/b /app/b.json rw,relatime - ext4 /dev/sda1 rw
";

    #[test]
    fn a_file_is_found_among_the_mounts() {
        let of = |path: &str| find(TABLE, Path::new(path)).map(|mount| mount.read_only);
        assert_eq!(of("/app/with space/state.json"), Some(false));
        assert_eq!(of("/app/c.json"), Some(true));
        assert_eq!(of("/app/b.json"), Some(false), "the one on top counts");
        assert_eq!(of("/app/state.json"), None);
    }
}
