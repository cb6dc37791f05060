#!/usr/bin/perl
# writer.pl FOLDER WHO: a busy user of the node it runs on. Closes ten files a second in FOLDER, every tenth time the same
# one, both.txt, anew. Each version's path and SHA-256 goes to standard output once it is closed: outside the node.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

my ($folder, $who) = @ARGV;
$| = 1;
mkdir $folder;
for (my $number = 1; ; $number++) {
    my $path = $number % 10 ? sprintf("%s/%s-%05d.txt", $folder, $who, $number) : "$folder/both.txt";
    my $text = join '', map { "$who wrote version $number, line $_\n" } 1 .. 20 + $number % 50;
    open(my $file, '>', $path) or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    printf "%.3f %s %s\n", clock_gettime(CLOCK_MONOTONIC) * 1000, sha256_hex($text), $path;
    sleep 0.1;
}
