# perl -MOtherClock: the kernel's two clocks as another machine has them. The file named by OTHER_CLOCK holds two numbers, in seconds: what
# is added to the monotonic clock, and what to the one that goes on while the machine is suspended.
package OtherClock;
use strict;
use warnings;
use Time::HiRes ();

no warnings qw(redefine prototype);
my $real = \&Time::HiRes::clock_gettime;
*Time::HiRes::clock_gettime = sub (;$) {
  open my $file, '<', $ENV{OTHER_CLOCK} or die "no $ENV{OTHER_CLOCK}\n";
  my ($monotonic, $boot) = split ' ', <$file>;
  return $real->($_[0]) + ($_[0] == 7 ? $boot : $monotonic);   # CLOCK_BOOTTIME
};
1;
