use crate::tree::{Binding, ModuleId, Tree};

/// The definition behind a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Item(ModuleId, String),
    Module(ModuleId),
    /// A path into a crate outside of the workspace.
    External(Vec<String>),
}

impl Tree {
    /// Resolves a path in `module`, through imports and re-exports. A name may have several meanings: a type, a
    /// value, a macro. Empty if it has none, as for names of the prelude and of generics.
    pub(crate) fn resolve(
        &self,
        module: ModuleId,
        path: &[String],
        leading_colon: bool,
    ) -> Vec<Target> {
        self.walk(module, path, leading_colon, &mut Vec::new())
    }

    /// `seen` are the names being looked up, since globs may import each other.
    fn walk(
        &self,
        module: ModuleId,
        path: &[String],
        leading_colon: bool,
        seen: &mut Vec<(ModuleId, String)>,
    ) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let info = &self.modules[module];
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(self.crates[info.in_crate].root)],
            "self" => vec![Target::Module(module)],
            "super" => info.parent.map(Target::Module).into_iter().collect(),
            _ if leading_colon => Vec::new(),
            name => self.look_up(module, name, seen),
        };
        if targets.is_empty() {
            let sibling = self.crates.iter().find(|sibling| sibling.name == *first);
            targets = match sibling {
                Some(sibling) => vec![Target::Module(sibling.root)],
                // An associated type of a generic one.
                None if rest.is_empty() || first.starts_with(char::is_uppercase) => Vec::new(),
                None => vec![Target::External(vec![first.clone()])],
            };
        }
        for segment in rest {
            let mut next = Vec::new();
            for target in targets {
                match target {
                    Target::Module(inner) if segment == "super" => {
                        next.extend(self.modules[inner].parent.map(Target::Module));
                    }
                    Target::Module(inner) => next.extend(self.look_up(inner, segment, seen)),
                    // A variant, an associated item.
                    Target::Item(..) => next.push(target),
                    Target::External(mut path) => {
                        path.push(segment.clone());
                        next.push(Target::External(path));
                    }
                }
            }
            targets = next;
        }
        targets.sort();
        targets.dedup();
        targets
    }

    fn look_up(
        &self,
        module: ModuleId,
        name: &str,
        seen: &mut Vec<(ModuleId, String)>,
    ) -> Vec<Target> {
        let key = (module, name.to_owned());
        if seen.contains(&key) {
            return Vec::new();
        }
        seen.push(key);
        let info = &self.modules[module];
        let mut targets = Vec::new();
        for binding in info.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Item => targets.push(Target::Item(module, name.to_owned())),
                Binding::Module(inner) => targets.push(Target::Module(*inner)),
                Binding::Use(at) => {
                    let used = &info.uses[*at];
                    targets.extend(self.walk(module, &used.path, used.leading_colon, seen));
                }
            }
        }
        if targets.is_empty() {
            for glob in info.uses.iter().filter(|used| used.name.is_none()) {
                for target in self.walk(module, &glob.path, glob.leading_colon, seen) {
                    match target {
                        Target::Module(inner) => targets.extend(self.look_up(inner, name, seen)),
                        // The variants of an enum.
                        Target::Item(..) | Target::External(_) => {}
                    }
                }
            }
        }
        seen.pop();
        targets
    }
}
