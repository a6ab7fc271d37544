use std::fmt;

/// The place of a value in a definition. Written as a JSON pointer (RFC 6901).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(around, name) if name.contains(['~', '/']) => {
                write!(f, "{around}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Member(around, name) => write!(f, "{around}/{name}"),
            Self::Index(around, index) => write!(f, "{around}/{index}"),
        }
    }
}
