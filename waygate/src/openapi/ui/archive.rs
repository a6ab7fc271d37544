//! Reads files from a zip archive (APPNOTE.TXT of PKWARE, sections 4.3 and 4.4), as far as the archive of Swagger UI
//! needs it. Nothing is decompressed: *deflated* content is the body of a gzip file.

use std::ops::Range;

/// A file in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) method: Method,
    /// The CRC-32 and the length of the content.
    crc: u32,
    length: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// The header of a gzip file without name and time (RFC 1952 section 2.3).
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// CRC-32 and length.
const TRAILER: usize = 8;

impl Packed<'_> {
    /// A deflated file as gzip.
    pub(super) fn gzip(&self) -> Vec<u8> {
        let trailer = [self.crc.to_le_bytes(), self.length.to_le_bytes()];
        [&GZIP, self.bytes, trailer.as_flattened()].concat()
    }
}

/// The bytes that [`gzip`](Packed::gzip) adds around the deflated bytes.
pub(super) fn deflated(gzip: &[u8]) -> Option<&[u8]> {
    gzip.get(GZIP.len()..gzip.len().checked_sub(TRAILER)?)
}

/// The file with a path that ends in `suffix`.
pub(super) fn find<'a>(archive: &'a [u8], suffix: &str) -> Option<Packed<'a>> {
    let mut entries = Bytes(archive.get(directory(archive)?)?);
    loop {
        if entries.number(0, 4)? != 0x0201_4b50 {
            return None;
        }
        let lengths = [28, 30, 32].map(|at| entries.number(at, 2));
        let [Some(name), Some(extra), Some(comment)] = lengths else {
            return None;
        };
        if entries.0.get(46..46 + name)?.ends_with(suffix.as_bytes()) {
            return unpack(archive, entries);
        }
        entries = Bytes(entries.0.get(46 + name + extra + comment..)?);
    }
}

/// The position of the list of files, from the end of the archive.
fn directory(archive: &[u8]) -> Option<Range<usize>> {
    let end = archive
        .windows(4)
        .rposition(|window| window == [0x50, 0x4b, 5, 6])?;
    let last = Bytes(&archive[end..]);
    let (length, start) = (last.number(12, 4)?, last.number(16, 4)?);
    Some(start..start.checked_add(length)?)
}

fn unpack<'a>(archive: &'a [u8], entry: Bytes<'_>) -> Option<Packed<'a>> {
    let method = match entry.number(10, 2)? {
        0 => Method::Stored,
        8 => Method::Deflated,
        _ => return None,
    };
    // The file's own header has a length that the list does not contain.
    let file = Bytes(archive.get(entry.number(42, 4)?..)?);
    let start = 30 + file.number(26, 2)? + file.number(28, 2)?;
    Some(Packed {
        bytes: file.0.get(start..start + entry.number(20, 4)?)?,
        method,
        crc: u32::try_from(entry.number(16, 4)?).ok()?,
        length: u32::try_from(entry.number(24, 4)?).ok()?,
    })
}

#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// A little-endian number of up to four bytes.
    fn number(self, at: usize, length: usize) -> Option<usize> {
        let bytes = self.0.get(at..at + length)?.iter().rev();
        let number = bytes.fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        usize::try_from(number).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const ARCHIVE: &[u8] = utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

    #[test]
    fn a_deflated_file_becomes_gzip() {
        let packed = find(ARCHIVE, "/dist/swagger-ui.css").unwrap();
        assert_eq!(packed.method, Method::Deflated);
        let gzip = packed.gzip();
        let mut text = String::new();
        // Compares the checksum, too.
        flate2::read::GzDecoder::new(&*gzip)
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.contains(".swagger-ui"));
        assert_eq!(deflated(&gzip), Some(packed.bytes));
    }

    #[test]
    fn a_stored_file_is_returned_unchanged() {
        let packed = find(ARCHIVE, "/dist/favicon-32x32.png").unwrap();
        assert_eq!(packed.method, Method::Stored);
        assert!(packed.bytes.starts_with(b"\x89PNG"));
    }

    #[test]
    fn missing_and_damaged_files_are_not_found() {
        assert_eq!(find(ARCHIVE, "/dist/absent.js"), None);
        let name = "/dist/swagger-ui.css";
        for archive in [&[][..], b"PK", &ARCHIVE[1_000..], &ARCHIVE[..1_000_000]] {
            assert_eq!(find(archive, name), None);
        }
        let end = &ARCHIVE[ARCHIVE.len() - 22..];
        assert!(end.starts_with(&[0x50, 0x4b, 5, 6]) || find(ARCHIVE, name).is_some());
        assert_eq!(find(end, name), None);
    }
}
