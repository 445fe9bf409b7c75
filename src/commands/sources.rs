//! The CloudTrail files that a command reads, and their order.

use std::ffi::OsStr;
use std::fs;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sysexits::ExitCode;

use super::exit_error::ExitError;

/// The files of a folder that are read.
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
    /// The name in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::StandardInput => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Those of opening a file.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read>> {
        match self {
            Self::StandardInput => Ok(Box::new(io::stdin().lock())),
            Self::File(path) => Ok(Box::new(File::open(path)?)),
        }
    }
}

/// All inputs of a command.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// In the order in which they are read.
    pub(crate) list: Vec<Source>,
    /// Bytes of all files; none if standard input is among them.
    pub(crate) bytes: Option<u64>,
    /// Files in folders that are not read because of their endings.
    pub(crate) others: usize,
}

impl Sources {
    /// Finds the inputs of these paths, in the order given; those of a folder in bytewise order of the whole
    /// path. `output` is a file that the command writes: it is not an input even if an earlier run has left
    /// it in a folder.
    ///
    /// # Errors
    /// 66 for a path that does not exist or a folder that cannot be read, 64 if `output` is among the paths.
    pub(crate) fn find(paths: &[PathBuf], output: Option<&Path>) -> Result<Self, ExitError> {
        let output = output.and_then(|path| fs::metadata(path).ok()).filter(Metadata::is_file);
        let is_output = |meta: &Metadata| {
            output.as_ref().is_some_and(|output| (output.dev(), output.ino()) == (meta.dev(), meta.ino()))
        };
        let mut sources = Self { bytes: Some(0), ..Self::default() };
        for path in paths {
            sources.add_path(path, &is_output).map_err(|error| {
                let is_usage = error.kind() == io::ErrorKind::InvalidInput;
                let code = if is_usage { ExitCode::Usage } else { ExitCode::NoInput };
                ExitError::new(code, format!("cannot read {}: {error}", path.display()))
            })?;
        }
        Ok(sources)
    }

    /// The line that reports the files of other endings; none if there are none.
    pub(crate) fn others_line(&self) -> Option<String> {
        let files = if self.others == 1 { "file" } else { "files" };
        let endings = ENDINGS.join(" ");
        (self.others > 0)
            .then(|| format!("{} other {files} skipped: only {endings} are read from a folder", self.others))
    }

    fn add_path(&mut self, path: &Path, is_output: &dyn Fn(&Metadata) -> bool) -> io::Result<()> {
        if path.as_os_str() == "-" {
            self.list.push(Source::StandardInput);
            self.bytes = None;
            return Ok(());
        }
        let meta = fs::metadata(path)?;
        if meta.is_dir() {
            return self.add_folder(path, is_output);
        }
        if is_output(&meta) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it would be overwritten by --stats"));
        }
        self.add_file(path.to_owned(), meta.len());
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path, is_output: &dyn Fn(&Metadata) -> bool) -> io::Result<()> {
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
                // Links to files are read. Links to folders are not followed: they could form a loop.
                match fs::metadata(&path) {
                    Ok(meta) if is_output(&meta) => {}
                    Ok(meta) if meta.is_file() && is_read(&entry.file_name()) => files.push((path, meta.len())),
                    Ok(meta) if meta.is_dir() => {}
                    _ => self.others += 1,
                }
            }
        }
        files.sort_by(|a, b| a.0.as_os_str().as_bytes().cmp(b.0.as_os_str().as_bytes()));
        files.into_iter().for_each(|(path, bytes)| self.add_file(path, bytes));
        Ok(())
    }

    fn add_file(&mut self, path: PathBuf, bytes: u64) {
        self.list.push(Source::File(path));
        self.bytes = self.bytes.map(|sum| sum + bytes);
    }
}

fn is_read(name: &OsStr) -> bool {
    ENDINGS.iter().any(|ending| name.as_bytes().ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_bytewise_order_of_whole_paths() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["b.json", "a/z.ndjson", "a.json.gz", "a/b/c.json", "note.txt", "x.json.bak"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, "").expect("file");
        }
        std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("link")).expect("link");
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff.json")), "").expect("a name that is not UTF-8");
        let sources = Sources::find(&[folder.path().to_owned()], None).expect("found");
        let names: Vec<_> = sources
            .list
            .iter()
            .map(|source| match source {
                Source::File(path) => path.strip_prefix(folder.path()).expect("inside").as_os_str().as_bytes().to_vec(),
                Source::StandardInput => vec![],
            })
            .collect();
        let expected: [&[u8]; 5] = [b"a.json.gz", b"a/b/c.json", b"a/z.ndjson", b"b.json", b"\xff.json"];
        assert_eq!(names, expected);
        assert_eq!(sources.others, 2);
    }
}
