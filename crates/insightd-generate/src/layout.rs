//! Path and content of a log file: the layout of a trail's bucket, as AWS documents it.

use super::delivery::File;
use super::json::values::{Civil, push_key};
use super::json::{Callers, Writer};
use super::random::{digest, mix};

/// Path of a file of an account (twelve digits), from the bucket's root:
/// `AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_UNIQUE.json.gz`.
/// Its time is that of the delivery, in full minutes.
pub fn path(account: &str, file: &File) -> String {
    // Rounds up: with the earlier minute, a file would appear before its time.
    let Civil { year, month, day, hour, minute, .. } = Civil::of(file.delivered + 59);
    let region = file.region;
    let mut unique = Vec::new();
    push_key(&mut unique, mix(digest(account), file.number), 16);
    let unique = String::from_utf8_lossy(&unique);
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/{year:04}/{month:02}/{day:02}/\
         {account}_CloudTrail_{region}_{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z_{unique}.json.gz"
    )
}

/// Appends what the file holds, uncompressed: `{"Records":[…]}`.
pub fn write(writer: &mut Writer, callers: &Callers, file: &File, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"Records":["#);
    for (nth, call) in file.calls.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        writer.write(callers, call, out);
    }
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_where_awss_do() {
        let file = File { delivered: 1_688_989_513, region: "us-east-1", number: 3, calls: Vec::new() };
        let path = path("000011112222", &file);
        let (before, unique) = path.rsplit_once('_').unwrap();
        assert_eq!(
            before,
            "AWSLogs/000011112222/CloudTrail/us-east-1/2023/07/10/000011112222_CloudTrail_us-east-1_20230710T1146Z"
        );
        assert_eq!(unique.len(), 16 + ".json.gz".len());
    }
}
