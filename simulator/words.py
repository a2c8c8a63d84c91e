"""The words of the simulator's own language (`speech.py`): plain English ones, of letters only.

A word's place in the list is its code: a word that is put in or taken out changes the tones of all that follow.
"""

_LIST = """
able above account action actor address adult advice after against agent ahead airport album alive alone already alter
amount anchor angle animal answer apple arch arena argue army around arrow artist asleep assist athlete atom attend
autumn awake away baby back badge bag balance ball banana bank banner barely bargain barn base bath beach bead bean
bear become bee before behind bell below belt bend best between bicycle big birth biscuit bite blade blanket bless
block blossom blue boat boil bolt bonus book border borrow both bottom box bracket brain brass brave bread break brick
brief bring broad brook broom brown bubble budget bulb bundle burger bus business butter buy cabin cable cage cake
calm camera canal candy canoe canyon cap car card cargo carrot carry case castle cat catch cause ceiling cement center
century cereal chain chalk chance chapter charge chart chase check cheese chess chicken chief chimney chin choose
citizen civil class clay clear clerk cliff clinic close cloud clover club coach coast cobalt code coil coin collar
collect column come common compass concert cool copper coral corn correct cottage cotton cough council country courage
cousin cow crack craft crane crawl cream creek cricket crisp crop cross crown crumb cube cup curious curtain curve
custom daily daisy damp dance daring dark data dawn deal debate debt decide deck deer degree deliver den dentist
depend depth desert desk device dial diamond diesel diet digit direct dish distant ditch divide doctor dog doll domain
door dough dove dozen draft drama drawer dress drill drink drop drum duck during duty each eager ear early earth easy
edge educate effect egg eight elbow elect element elevator elite ember emerge enable endless engine enough enter entry
envelope equal era escape estate eternal evening event every evolve example excite exhibit exit expand expert extend
eye fabric face faint fair fall family fan far farm fast father favor feather federal feed feel fence fern festival
fever fiber field fifteen figure file filter find finger fire firm fish fit flag flash flavor fleet flight flock floor
flow fluid fly focus fog fold follow foot forest fork fortune forty forward fossil found four frame free freeze friend
fringe from frost fruit full fun fur furnace gadget galaxy game garage garden garment gas gather gaze general gentle
genuine ghost giant ginger girl glad glass glide glory glove glue goat good gospel gossip gown grab grade grand grape
grass gravel gray great greet grocery grove guard guess guide guitar gym hair hall hand handle harbor hard hat hawk
head heart heat hedge height helmet hen herd hidden high hint hip hobby hole hollow honest honey hook hope horn
hospital hotel house hover huge human humor hungry hurdle husband hybrid icon idea idle impact impose improve inch
income increase indoor inform inject inlet inner inquiry insect inspect intact into invite iron isolate issue ivory
jacket jam jazz jeans jewel job joke journey judge jump jungle jury just keen kernel key kidney kind kingdom kiosk
kite kiwi knife knot know labor ladder lake lamp lane lantern laptop laser last laugh lava layer lead leaf leather
leave left legal lemon length lens lesson letter lever license life light like limb limit link liquid listen live
lizard loan lobster lock logic long loop lorry lounge love lucky lumber lung lyric machine maid mail major mammal
mango manual maple march margin market mask master material math matter maximum meadow mean meat media melody member
memory menu merge merry message metal middle midnight milk mimic mineral minor minute miss mist mobile modern moment
monkey month moral more mosquito moth motion mountain mouse move movie mud mule museum music must mystery myth name
narrow nature neat neck needle neighbor nerve net neutral news next niece night noble noodle north notable note notice
novel nuclear nurse oak oat oath object oblige obtain occur october off offer often oil olympic once online onward
open opinion oppose orange orchard ordinary orient origin ostrich other ounce outer outside oven over own owner oyster
paddle paint palace palm panel panic paper parcel park party pass patch path patrol pause payment peach peak pear
pebble peel pencil pepper permit person photo phrase picnic piece pill pilot pine pioneer pipe pitch place plastic
play please plenty pluck plum poet polar police pond pool popular portion post pottery power prairie predict prefer
present prevent pride print prize process produce program promote proper proud provide pudding pull pulse pupil purple
purse push pyramid quality quarter question quiet quit quiz rabbit race radar radio rail rain raise random range rapid
raven razor reach read ready reason recall recipe record recycle reduce reflect reform region regret regular relax
release relief rely remain remember remove render renew rent repair repeat report rescue resist result return reveal
review reward rhythm ribbon rice rich ride ridge right ring ripple rise river road roast robin robot rocket romance
roof room root rose rotate rough round route royal rubber rude rug rule runway rural saddle safe sail salad salmon
salon salt same sample sand satisfy sauce sausage save scale scan scarf scatter scene school science scissors scout
scrap screen script scrub sea search season seat second secret section seed seek segment select sell senior sense
sentence series service session settle seven shadow shaft shallow share shed shell shelter shield shift shine ship
shirt shiver shock shoe shop shore short shoulder shovel show shrimp shrug sibling side siege sign silent silk silver
similar simple since sing siren sister six size skate sketch ski skill skin skirt sky slab sleep slender slice slide
slim slow small smart smile smoke smooth snack snake snow soap soccer social sock soda soft solar soldier solid solve
song soon sort soul sound soup source south space spare spark speak speed spell spend sphere spice spider spin spirit
split sponsor spoon sport spot spray spread spring square squirrel stable stadium staff stage stairs stamp stand start
state stay steam steel stem step stereo stick still stone stool story stove strange street strike strong student style
sugar suit summer sun supply sure surface surge surprise swallow swamp swap swarm sweet swift swim switch sword symbol
system table tackle tail talent talk tank tape target task taste taxi teach team tell tennis tent term test text thank
theme theory thing thought three thrive throw thumb thunder ticket tide tiger tilt timber time tiny tired title toast
today toe together tomato tomorrow tone tongue tonight tool tooth topic torch tornado tortoise total tourist toward
tower town toy track trade traffic train travel tray treat tree trend trial tribe trick trip trophy trouble truck true
trumpet trust truth tube tuition tunnel turkey turn turtle twelve twenty twice twin twist typical umbrella uncle under
unfold uniform union unique unit until update upper urban useful usual utility vacant vacuum valley valve van vapor
various vast vault velvet vendor venture verb verify version very vessel veteran vibrant video view village vintage
violin virtual visit visual vital vivid vocal voice volcano volume vote voyage wage wagon wait walk wall walnut warm
warrior wash water wave way wealth wear weather web wedding week welcome west whale wheat wheel when where whisper
wide width wife wild window wine wing winner winter wire wisdom wise witness wolf woman wonder wood wool word work
world worry worth wrap wrist write wrong yard year yellow young youth zebra zero zone
"""

WORDS: tuple[str, ...] = tuple(_LIST.split())
