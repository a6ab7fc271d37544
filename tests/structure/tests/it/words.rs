use std::{collections::BTreeMap, fs};

use waygate_structure::{
    sources,
    words::{avoided, count, count_all},
};

use crate::{allowance, pass};

#[test]
fn avoided_words_are_not_used() {
    let root = sources::root();
    let contributing = fs::read_to_string(root.join("CONTRIBUTING.md"));
    let words = avoided(&contributing.expect("CONTRIBUTING.md can be read"));
    let files = count_all(&root, &words);
    let sums = files
        .iter()
        .map(|(file, found)| (file.clone(), found.values().sum()));
    let sums: BTreeMap<String, usize> = sums.collect();
    pass(allowance("words.txt").check(&sums, |file, _| {
        let found = files[file].iter().map(|(word, count)| {
            let (_, better) = words
                .iter()
                .find(|(other, _)| other == word)
                .expect("one of them");
            format!("\n  {count} x \"{word}\": {better}")
        });
        format!(
            "{file} has words of the list in CONTRIBUTING.md, more than allowed:{}",
            found.collect::<String>()
        )
    }));
}

#[test]
fn words_are_counted_whole_and_in_any_case() {
    let list = "# C\n\n## Words\n\n| Not | But |\n|---|---|\n| *told*, *at once* | say it |\n\n## Next\n\n| *x* | y |\n";
    let words = avoided(list);
    assert_eq!(words.len(), 2);
    let found = count(
        "Told, untold, retold; told_until. At once, flat once.",
        &words,
    );
    assert_eq!(found["told"], 2);
    assert_eq!(found["at once"], 1);
}
