//! The examples in the documentation of public items.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{Attribute, Expr, Lit, Meta};

use crate::sources;

/// The examples of each page, and the names that they have to show. A page is that of a type, a trait, a function or a
/// macro, with its methods.
#[derive(Debug, Default)]
pub(super) struct Pages {
    code: BTreeMap<String, String>,
    wanted: BTreeSet<(String, String)>,
}

impl Pages {
    /// Adds the examples of one documentation comment. `file` is where it stands.
    pub(super) fn add(&mut self, page: &str, attrs: &[Attribute], file: &str) {
        let code = self.code.entry(page.to_owned()).or_default();
        code.push_str(&compiled(&text(attrs, file)));
    }

    /// Requires that an example of the page names this function; without a name, that there is an example.
    pub(super) fn want(&mut self, page: &str, name: &str) {
        self.wanted.insert((page.to_owned(), name.to_owned()));
    }

    /// The items that no example on their page shows.
    pub(super) fn missing(&self) -> Vec<String> {
        let is_missing = |page: &str, name: &str| {
            let code = self.code.get(page).map_or("", String::as_str);
            if name.is_empty() {
                return code.is_empty();
            }
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            !words.any(|word| word == name)
        };
        let wanted = self.wanted.iter();
        let missing = wanted.filter(|(page, name)| is_missing(page, name));
        let path = |(page, name): &(String, String)| match name.is_empty() {
            true => page.clone(),
            false => format!("{page}::{name}"),
        };
        missing.map(path).collect()
    }
}

/// The text of a documentation comment, with the files that it includes.
fn text(attrs: &[Attribute], file: &str) -> String {
    let mut text = String::new();
    for attr in attrs {
        let Meta::NameValue(doc) = &attr.meta else {
            continue;
        };
        if !doc.path.is_ident("doc") {
            continue;
        }
        match &doc.value {
            Expr::Lit(value) => {
                if let Lit::Str(line) = &value.lit {
                    text.push_str(&line.value());
                }
            }
            Expr::Macro(included) => {
                let path = included.mac.parse_body::<syn::LitStr>();
                let path = path.expect("`include_str!` has a path").value();
                let folder = Path::new(file).parent().unwrap_or(Path::new(""));
                let path = sources::root().join(folder).join(path);
                text.push_str(&fs::read_to_string(path).expect("the file is there"));
            }
            _ => {}
        }
        text.push('\n');
    }
    text
}

/// The visible lines of the blocks that are compiled.
fn compiled(text: &str) -> String {
    const COMPILED: [&str; 5] = ["", "rust", "no_run", "standalone_crate", "should_panic"];
    let mut block = None;
    let mut code = String::new();
    for line in text.lines() {
        let line = line.trim();
        match (line.strip_prefix("```"), block) {
            (Some(info), None) => {
                block = Some(info.split(',').all(|word| COMPILED.contains(&word.trim())));
            }
            (Some(_), Some(_)) => block = None,
            (None, Some(true)) if line != "#" && !line.starts_with("# ") => {
                code.push_str(line);
                code.push('\n');
            }
            (None, _) => {}
        }
    }
    code
}
