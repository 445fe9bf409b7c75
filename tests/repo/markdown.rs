//! Parses the pages of the repository for the rules: fenced blocks, marks, links, anchors. Contains no rule.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::tidy::{files, root};

/// One Markdown file.
pub struct Page {
    /// Path from the root of the repository.
    pub path: String,
    pub text: String,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The info string of the fence: `sh`, `toml`, `json`.
    pub language: String,
    /// The HTML comment on the line above, without `<!--` and `-->`.
    pub mark: Option<String>,
    pub lines: Vec<String>,
}

/// All pages: in the root, and below these folders.
pub fn pages() -> Vec<Page> {
    let top = fs::read_dir(root()).expect("the root").map(|entry| entry.expect("an entry").path());
    let top = top.filter(|path| path.is_file()).map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, path)
    });
    let below = ["docs", "deploy", "benches", "fuzz", "samples", "tests"].into_iter().flat_map(files);
    let mut pages: Vec<Page> = top
        .chain(below)
        .filter(|(path, _)| path.ends_with(".md") && !path.contains("/target/"))
        .map(|(path, file)| Page { path, text: fs::read_to_string(file).expect("UTF-8") })
        .collect();
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(pages.iter().any(|page| page.path == "README.md") && pages.len() > 15, "pages were not found");
    pages
}

impl Page {
    pub fn at(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        Self { path: path.to_owned(), text }
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut above = "";
        for line in self.text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => {
                    let mark = above.strip_prefix("<!--").and_then(|mark| mark.strip_suffix("-->"));
                    let mark = mark.map(|mark| mark.trim().to_owned());
                    open = Some(Block { language: language.to_owned(), mark, lines: Vec::new() });
                }
                (None, Some(block)) => block.lines.push(line.to_owned()),
                (None, None) => above = line,
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path);
        blocks
    }

    /// The text without fenced blocks.
    pub fn prose(&self) -> String {
        let mut inside = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            let fence = line.starts_with("```");
            if !inside && !fence {
                prose.push_str(line);
                prose.push('\n');
            }
            inside ^= fence;
        }
        prose
    }

    /// Targets of relative links.
    pub fn links(&self) -> Vec<String> {
        let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
        let prose = self.prose();
        let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
        targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
    }

    /// Anchors of the headings, as GitHub makes them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let prose = self.prose();
        prose.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn a_page_is_taken_apart() {
    let text = "# A page, of `two` parts\n[one](a.md#b)\n<!-- sample: x -->\n```sh\n[no](link)\n# no heading\n```\n";
    let page = Page { path: "p".to_owned(), text: text.to_owned() };
    let lines = vec!["[no](link)".to_owned(), "# no heading".to_owned()];
    let block = Block { language: "sh".to_owned(), mark: Some("sample: x".to_owned()), lines };
    assert_eq!(page.blocks(), [block]);
    assert_eq!(page.links(), ["a.md#b"]);
    assert_eq!(page.anchors(), BTreeSet::from(["a-page-of-two-parts".to_owned()]));
}
