//! Which files a replay reads, and in which order.

use std::ffi::OsStr;
use std::fs;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sysexits::ExitCode;

use super::super::ExitError;

/// Files of a folder that are read.
const ENDINGS: [&str; 4] = [".json", ".json.gz", ".ndjson", ".ndjson.gz"];

/// One input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-`
    StandardInput,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// For messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::StandardInput => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order in which they are read.
    pub sources: Vec<Source>,
    /// Bytes of all files; none if standard input is among them.
    pub bytes: Option<u64>,
    /// Files of folders with other endings, passed over.
    pub others: usize,
}

impl Found {
    /// The one line that tells of them.
    pub(crate) fn others_line(&self) -> String {
        let files = if self.others == 1 { "file" } else { "files" };
        format!("{} other {files} passed over: of a folder only {} are read", self.others, ENDINGS.join(" "))
    }
}

/// Finds all inputs of the given paths, each in the order given; a folder's files in bytewise order of the whole path. `stats` is
/// a file that is going to be written, so it is no input even where an earlier run has left it in a folder.
///
/// # Errors
/// A path that does not exist or a folder that cannot be read (66), or `stats` among the paths (64).
pub(crate) fn find(paths: &[PathBuf], stats: Option<&Path>) -> Result<Found, ExitError> {
    let written = stats.and_then(|path| fs::metadata(path).ok()).filter(Metadata::is_file);
    let is_stats =
        |meta: &Metadata| written.as_ref().is_some_and(|stats| (stats.dev(), stats.ino()) == (meta.dev(), meta.ino()));
    let mut found = Found { bytes: Some(0), ..Found::default() };
    for path in paths {
        if path.as_os_str() == "-" {
            found.sources.push(Source::StandardInput);
            found.bytes = None;
            continue;
        }
        let add = fs::metadata(path).and_then(|meta| {
            if meta.is_dir() {
                return add_folder(path, &is_stats, &mut found);
            }
            if is_stats(&meta) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it would be overwritten by --stats"));
            }
            found.add(path.clone(), meta.len());
            Ok(())
        });
        add.map_err(|e| {
            let code = if e.kind() == io::ErrorKind::InvalidInput { ExitCode::Usage } else { ExitCode::NoInput };
            ExitError::new(code, format!("cannot read {}: {e}", path.display()))
        })?;
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, path: PathBuf, bytes: u64) {
        self.sources.push(Source::File(path));
        self.bytes = self.bytes.map(|sum| sum + bytes);
    }
}

fn add_folder(folder: &Path, is_stats: &dyn Fn(&Metadata) -> bool, found: &mut Found) -> io::Result<()> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
                continue;
            }
            // A link to a file is read, a link to a folder is not followed (it could lead round in a circle).
            match fs::metadata(&path) {
                Ok(meta) if is_stats(&meta) => {}
                Ok(meta) if meta.is_file() && is_read(entry.file_name().as_os_str()) => files.push((path, meta.len())),
                Ok(meta) if meta.is_dir() => {}
                _ => found.others += 1,
            }
        }
    }
    files.sort_by(|a, b| a.0.as_os_str().as_bytes().cmp(b.0.as_os_str().as_bytes()));
    files.into_iter().for_each(|(path, bytes)| found.add(path, bytes));
    Ok(())
}

fn is_read(name: &OsStr) -> bool {
    ENDINGS.iter().any(|ending| name.as_bytes().ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_files_come_in_bytewise_order_of_the_whole_path() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["b.json", "a/z.ndjson", "a.json.gz", "a/b/c.json", "note.txt", "x.json.bak"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, "").expect("file");
        }
        std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("link")).expect("link");
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff.json")), "").expect("name that is no UTF-8");
        let found = find(&[folder.path().to_owned()], None).expect("found");
        let names: Vec<_> = found
            .sources
            .iter()
            .map(|s| match s {
                Source::File(path) => path.strip_prefix(folder.path()).expect("inside").as_os_str().as_bytes().to_vec(),
                Source::StandardInput => vec![],
            })
            .collect();
        let expected: [&[u8]; 5] = [b"a.json.gz", b"a/b/c.json", b"a/z.ndjson", b"b.json", b"\xff.json"];
        assert_eq!(names, expected);
        assert_eq!(found.others, 2);
    }
}
